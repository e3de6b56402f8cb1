//! Two hubs over Redis, many clients that come and go, servers that are killed at random, and a ledger that says of each
//! event whether every subscriber got what it was owed.

#![allow(clippy::print_stdout, reason = "a program that tells how it goes")]

mod faults;
mod hub;
mod ledger;
mod life;
mod publisher;
mod report;
mod run;
mod spoke;
mod sse;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

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
}

fn main() -> ExitCode {
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
