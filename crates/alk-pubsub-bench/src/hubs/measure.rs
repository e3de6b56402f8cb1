use anyhow::Result;

use super::load::{Load, Measured, Pace};
use super::process::{Hub, pinned};
use super::stand_in::StandIn;
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::turns::{Conditions, take_turns};

const OURS: &str = "alk-hub";
const BARE: &str = StandIn::Bare.name();
const BY_HAND: &str = StandIn::ByHand.name();
const BATCHING: &str = StandIn::Batching.name();
/// In event streams axum batches by itself.
const STREAMS: [(&str, Role); 3] = [(BARE, Role::Limit), (BY_HAND, Role::Peer), (OURS, Role::Ours)];
const SOCKETS: [(&str, Role); 4] =
    [(BARE, Role::Limit), (BY_HAND, Role::Peer), (BATCHING, Role::Peer), (OURS, Role::Ours)];

const DELIVERED: Metric = Metric { name: "delivered", unit: "k/s", better: Better::More };
const CPU: Metric =
    Metric { name: "processor time of the hub", unit: "s for a million deliveries", better: Better::Less };
const MEMORY: Metric = Metric { name: "memory of an idle connection", unit: "bytes", better: Better::Less };
const P50: Metric = Metric { name: "latency p50", unit: "ms", better: Better::Less };
const P99: Metric = Metric { name: "latency p99", unit: "ms", better: Better::Less };

const LISTENERS: [usize; 2] = [100, 1000];
const WINDOWS: [usize; 2] = [1, 64];
/// A rate that all of them can keep up with, in deliveries a second.
const COMMON: usize = 50_000;

/// D with `ws`, E with `sse`.
pub(crate) fn measure(
    plan: Plan,
    workload: &'static str,
    transport: &'static str,
) -> Result<Vec<Comparison>> {
    let participants: &[_] = if transport == "ws" { &SOCKETS } else { &STREAMS };
    let place = if pinned() { "hub and load have a core each" } else { "not pinned" };
    let milliseconds = plan.work(1500);
    let turn = |name, listeners, pace| -> Result<Measured> {
        let hub = Hub::start(match name {
            OURS => None,
            BARE => Some(StandIn::Bare),
            BY_HAND => Some(StandIn::ByHand),
            _ => Some(StandIn::Batching),
        })?;
        Load { transport, listeners, pace, milliseconds }.put_on(&hub)
    };
    let mut comparisons = Vec::new();
    for window in WINDOWS {
        for at in LISTENERS {
            let setting = format!("{window} on their way, {place}");
            let conditions = Conditions { workload, setting, axis: "listeners", at };
            let metrics = [DELIVERED, CPU, MEMORY];
            comparisons.extend(take_turns(plan.rounds, &conditions, participants, metrics, |name| {
                let found = turn(name, at, Pace::Window(window))?;
                Ok([
                    found.deliveries_per_second / 1e3,
                    found.cpu_seconds_per_million,
                    found.bytes_per_connection,
                ])
            })?);
        }
    }
    for at in LISTENERS {
        let setting = format!("{COMMON} deliveries a second, {place}");
        let conditions = Conditions { workload, setting, axis: "listeners", at };
        comparisons.extend(take_turns(plan.rounds, &conditions, participants, [P50, P99], |name| {
            let found = turn(name, at, Pace::Rate(COMMON / at))?;
            Ok([found.p50_ms, found.p99_ms])
        })?);
    }
    Ok(comparisons)
}
