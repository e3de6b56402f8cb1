use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::{bare, by_hand};

/// A hub that this program can be, to be measured beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandIn {
    /// Writes ready-made bytes to all sockets: what the machine can do.
    Bare,
    /// axum and a broadcast channel, a write for each event.
    ByHand,
    /// The same, with one write for all events that wait.
    Batching,
}

const WHICH: &str = "ALK_PUBSUB_BENCH_HUB";

impl StandIn {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::ByHand => "axum by hand",
            Self::Batching => "axum, batching",
        }
    }

    /// Which one this process is to be, if any.
    pub(crate) fn of_this_process() -> Option<Self> {
        let which = std::env::var(WHICH).ok()?;
        [Self::Bare, Self::ByHand, Self::Batching].into_iter().find(|one| one.name() == which)
    }

    /// This program, as it has to be started to be that hub.
    pub(super) fn start_with(self, command: &mut Command) {
        command.env(WHICH, self.name());
    }

    /// Is the hub, on a port that it prints.
    pub(crate) fn serve(self) -> Result<()> {
        // Each connection is a file. Where that many are not allowed it is said when they are opened.
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        let _ = setrlimit(Resource::Nofile, files);
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        println!("ws://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        listener.set_nonblocking(true)?;
        match self {
            Self::Bare => bare::serve(listener),
            Self::ByHand => by_hand::serve(listener, false),
            Self::Batching => by_hand::serve(listener, true),
        }
    }
}
