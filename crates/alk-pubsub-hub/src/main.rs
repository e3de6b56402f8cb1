//! `alk-hub`: the hub and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    alk_pubsub_hub::run(std::env::args_os())
}
