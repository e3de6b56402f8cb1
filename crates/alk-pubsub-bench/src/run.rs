use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::cli::{Cli, Workload};
use crate::hubs::StandIn;
use crate::plan::Plan;
use crate::{fan_out, hubs, redis, report, topics, workers};

/// Runs the program with the arguments it was started with: 0 when all was measured, 1 when something went wrong.
#[must_use]
pub fn run() -> ExitCode {
    let done = if let Some(role) = workers::child_role() {
        workers::run_child(&role)
    } else if let Some(hub) = StandIn::of_this_process() {
        hub.serve()
    } else {
        measure(&Cli::parse())
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> Result<()> {
    let plan = Plan { rounds: cli.rounds as usize, quick: cli.quick };
    let mut workloads = cli.workloads.clone();
    if workloads.is_empty() {
        workloads = Workload::value_variants().into();
    }
    workloads.sort_unstable();
    workloads.dedup();
    for workload in workloads {
        let load = report::Load::now();
        let comparisons = match workload {
            Workload::A => fan_out::measure(plan)?,
            Workload::B => topics::measure(plan)?,
            Workload::C => redis::measure(plan)?,
            Workload::D => hubs::measure(plan, "D", "ws")?,
            Workload::E => hubs::measure(plan, "E", "sse")?,
            Workload::W => workers::measure(plan)?,
        };
        print!("{}", report::markdown(&comparisons, load));
        if let Some(folder) = &cli.out {
            report::write(folder, &comparisons, plan, load)?;
        }
    }
    Ok(())
}
