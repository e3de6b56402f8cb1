use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::cli::{Axis, Cli, Workload};
use crate::comparison::Comparison;
use crate::hubs::StandIn;
use crate::plan::Plan;
use crate::{fan_out, hubs, redis, report, topics, workers};

/// Runs the program with the arguments it was started with: 0 when all was measured, 1 when something went wrong.
#[must_use]
pub fn run() -> ExitCode {
    let done = if let Some(role) = workers::child_role() {
        workers::run_child(&role)
    } else if let Some(listeners) = redis::Listeners::of_this_process() {
        listeners.run()
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

/// # Errors
///
/// Something could not be started or written, or ours failed where it was measured.
fn measure(cli: &Cli) -> Result<()> {
    let plan = Plan { rounds: cli.rounds as usize, quick: cli.quick };
    let mut workloads =
        if cli.workloads.is_empty() { Workload::USUAL.to_vec() } else { cli.workloads.clone() };
    workloads.sort_unstable();
    workloads.dedup();
    let axes = if cli.axis.is_empty() { Axis::value_variants() } else { &cli.axis };
    let mut ours_failed = false;
    let mut table = |measure: &dyn Fn(Plan) -> Vec<Comparison>| {
        let load = report::Load::now();
        let comparisons = measure(plan);
        print!("{}", report::markdown(&comparisons, load));
        ours_failed |=
            comparisons.iter().filter_map(Comparison::ours).any(|participant| participant.failed.is_some());
        cli.out.as_ref().map_or(Ok(()), |folder| report::write(folder, &comparisons, plan, load))
    };
    for workload in workloads {
        match workload {
            Workload::A => table(&fan_out::measure)?,
            Workload::B => table(&topics::measure)?,
            Workload::C => table(&redis::measure)?,
            Workload::D => table(&hubs::sockets)?,
            Workload::E => table(&hubs::streams)?,
            Workload::W => table(&workers::measure)?,
            Workload::Growth => {
                for axis in axes {
                    match axis {
                        Axis::Subscribers => table(&fan_out::growth)?,
                        Axis::Topics => table(&topics::growth)?,
                        Axis::Payload => table(&hubs::payload_growth)?,
                        Axis::Connections => table(&hubs::connection_growth)?,
                    }
                }
            }
        }
    }
    ensure!(!ours_failed, "alk-pubsub failed where it was measured, as is said above");
    Ok(())
}
