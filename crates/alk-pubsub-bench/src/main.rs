//! `alk-pubsub-bench`: measures, prints tables, draws charts.

use std::process::ExitCode;

fn main() -> ExitCode {
    alk_pubsub_bench::run()
}
