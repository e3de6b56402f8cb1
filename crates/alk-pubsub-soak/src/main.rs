//! Two hubs over Redis, many clients that come and go, servers that are killed at random, and a ledger that says of each
//! event whether every subscriber got what it was owed.

#![allow(clippy::print_stdout, reason = "a program that tells how it goes")]

mod account;
mod faults;
mod hub;
mod late;
mod least;
mod leaving;
mod ledger;
mod life;
mod narrow;
mod publisher;
mod report;
mod run;
mod spoke;
mod sse;
mod topics;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;

/// Run it by `cargo xtask soak`, which builds the hub first.
#[derive(Debug, Clone, Parser)]
#[command(name = "alk-pubsub-soak")]
struct Args {
    /// The hub's binary.
    #[arg(long, value_name = "FILE")]
    hub: PathBuf,

    /// How long it runs.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(2..))]
    minutes: u64,

    /// What the choices of clients and faults follow from. Without it: from the clock.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// How many WebSocket clients there are at a time.
    #[arg(long, default_value_t = 200, value_name = "N")]
    spokes: u64,

    /// How many clients of event streams there are at a time.
    #[arg(long, default_value_t = 50, value_name = "N")]
    streams: u64,

    /// How many clients there are at a time that read more slowly than events come. A third are WebSocket clients over a
    /// narrow connection, a third streams over one, a third WebSocket clients with small queues.
    #[arg(long, default_value_t = 30, value_name = "N")]
    slow: u64,

    /// Where to put what hubs say on stderr. Default: a folder of this run in the system's one for temporary files.
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

/// How often something in this process has panicked, in whatever task.
static PANICS: AtomicU64 = AtomicU64::new(0);

fn count_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        tell(panic);
    }));
}

fn main() -> ExitCode {
    count_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run::run(Args::parse()))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
