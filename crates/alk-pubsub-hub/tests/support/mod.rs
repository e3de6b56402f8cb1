//! The real binary, and clients that speak to it.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod folder;
#[path = "../../../alk-pubsub-sse/tests/common/http.rs"]
mod http;
mod log;
mod process;
mod program;
mod spoke;
mod tokens;

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(crate) use self::folder::Folder;
pub(crate) use self::http::{Client, Head, PATIENCE};
pub(crate) use self::log::{Log, real_lines};
pub(crate) use self::process::Process;
pub(crate) use self::program::{Done, ended, program, run, run_with, signal};
pub(crate) use self::spoke::Spoke;
pub(crate) use self::tokens::{SECRET, in_seconds, key_file, private_file, signed, token};

/// A hub that runs. It is killed when this is dropped.
pub(crate) struct Hub {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
    /// What it printed when it was there.
    pub(crate) banner: String,
}

pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alk-hub"));
    // Nothing of whoever runs the tests is to set an option.
    command.env_clear().arg("serve").args(flags).stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Hub {
    /// On a free port of this machine.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let flags: Vec<&str> = ["--listen", "127.0.0.1:0"].iter().chain(flags).copied().collect();
        Self::start_as(command(&flags)).await
    }

    pub(crate) async fn start_as(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        let printed = async {
            while !banner.contains("ends the hub") {
                banner
                    .push_str(&lines.next_line().await.unwrap().expect("a hub that prints where it listens"));
                banner.push('\n');
            }
        };
        timeout(PATIENCE, printed).await.expect("a hub that is there in time");
        let first = banner.lines().next().unwrap();
        let address = first.rsplit_once("://").expect("an address").1.parse().unwrap();
        Self { child, log, address, banner }
    }

    /// What it logs from now on.
    pub(crate) fn log(&self) -> Log {
        self.log.resubscribe()
    }

    /// The URL for `pub` and `sub`.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Waits until so many listen.
    pub(crate) async fn subscribers(&self, number: u64) {
        self.until("subscribers", |stats| stats["subscribers"] == number).await;
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// A socket whose system holds little of what is not read.
    pub(crate) async fn socket_with_little_room(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (Head, String) {
        let mut client = self.connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)).await;
        client.text().await
    }

    pub(crate) async fn stats(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/stats").await.1).unwrap()
    }

    /// Waits until the numbers are such.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&serde_json::Value) -> bool) {
        let waiting = async {
            while !is_so(&self.stats().await) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
    }

    pub(crate) async fn spoke(&self) -> Spoke {
        Spoke::connect(TcpStream::connect(self.address).await.unwrap()).await
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("a hub that runs").to_string();
        let killed = Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap();
        assert!(killed.success());
    }

    /// How it ends, which is to be soon.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        timeout(within, self.child.wait()).await.expect("a hub that ends in time").unwrap()
    }

    /// What the system says of it.
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id().expect("a hub that runs"))
    }

    /// The memory that it has resident, in bytes; `None` where the system does not tell.
    pub(crate) fn resident(&self) -> Option<usize> {
        Process(self.child.id()?).memory("VmRSS:")
    }
}

/// One envelope as a line.
pub(crate) fn envelope(topic: &str, payload: impl serde::Serialize) -> String {
    let (event_type, id) = topic.split_once(':').unwrap();
    serde_json::json!({"type": event_type, "id": id, "payload": payload}).to_string()
}
