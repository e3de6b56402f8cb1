use anyhow::Result;

use super::contender::{Contender, those_here};
use super::external::External;
use super::load::{Load, Measured, Pace, Transport};
use super::process::{Hub, pinned};
use super::stand_in::StandIn;
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::turns::{Conditions, take_turns};

/// In event streams axum batches by itself.
const STREAMS: [Contender; 4] = [
    Contender::StandIn(StandIn::Bare),
    Contender::StandIn(StandIn::ByHand),
    Contender::External(External::Nchan),
    Contender::Ours,
];
const SOCKETS: [Contender; 7] = [
    Contender::StandIn(StandIn::Bare),
    Contender::StandIn(StandIn::ByHand),
    Contender::StandIn(StandIn::Batching),
    Contender::External(External::Nats),
    Contender::External(External::Nchan),
    Contender::External(External::NodeWs),
    Contender::Ours,
];

const DELIVERED: Metric = Metric { name: "delivered", unit: "k/s", better: Better::More };
pub(super) const CPU: Metric =
    Metric { name: "processor time of the hub", unit: "s for a million deliveries", better: Better::Less };
pub(super) const MEMORY: Metric =
    Metric { name: "memory of an idle connection", unit: "bytes", better: Better::Less };
const P50: Metric = Metric { name: "latency p50", unit: "ms", better: Better::Less };
const P99: Metric = Metric { name: "latency p99", unit: "ms", better: Better::Less };

const LISTENERS: [usize; 2] = [100, 1000];
const WINDOWS: [usize; 2] = [1, 64];
/// A rate that all of them can keep up with, in deliveries a second.
const COMMON: usize = 50_000;
/// What is measured is as long as this.
pub(super) const MILLISECONDS: usize = 1500;
/// Of a payload: about 200 with what is around it.
pub(super) const PAYLOAD: usize = 150;

/// D.
pub(crate) fn sockets(plan: Plan) -> Vec<Comparison> {
    measure(plan, "D", Transport::WebSockets, &those_here(&SOCKETS))
}

/// E.
pub(crate) fn streams(plan: Plan) -> Vec<Comparison> {
    measure(plan, "E", Transport::EventStreams, &those_here(&STREAMS))
}

fn measure(plan: Plan, workload: &'static str, transport: Transport, all: &[Contender]) -> Vec<Comparison> {
    let milliseconds = plan.work(MILLISECONDS);
    let load = |listeners, pace| Load { transport, listeners, pace, milliseconds, payload: PAYLOAD };
    let place = place();
    let mut comparisons = Vec::new();
    for window in WINDOWS {
        for at in LISTENERS {
            let setting = format!("{window} on their way, {place}");
            let conditions = Conditions { workload, setting, axis: "listeners", at };
            let metrics = [DELIVERED, CPU, MEMORY];
            comparisons.extend(take_turns(plan.rounds, &conditions, &named(all), metrics, |name| {
                let found = turn(all, name, &[], load(at, Pace::Window(window)))?;
                Ok([
                    found.deliveries_per_second / 1e3,
                    found.cpu_seconds_per_million,
                    found.bytes_per_connection,
                ])
            }));
        }
    }
    for at in LISTENERS {
        let setting = format!("{COMMON} deliveries a second, {place}");
        let conditions = Conditions { workload, setting, axis: "listeners", at };
        comparisons.extend(take_turns(plan.rounds, &conditions, &named(all), [P50, P99], |name| {
            let found = turn(all, name, &[], load(at, Pace::Rate(COMMON / at)))?;
            Ok([found.p50_ms, found.p99_ms])
        }));
    }
    comparisons
}

pub(super) fn place() -> &'static str {
    if pinned() { "hub and load have a core each" } else { "not pinned" }
}

pub(super) fn named(all: &[Contender]) -> Vec<(&'static str, Role)> {
    all.iter().map(|contender| (contender.name(), contender.role())).collect()
}

/// One of them, started anew, under a load; `arguments` are for ours.
pub(super) fn turn(all: &[Contender], name: &str, arguments: &[&str], load: Load) -> Result<Measured> {
    let contender = all.iter().find(|contender| contender.name() == name).unwrap_or(&Contender::Ours);
    load.put_on(&Hub::start(*contender, arguments)?)
}
