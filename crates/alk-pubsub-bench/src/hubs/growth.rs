use super::contender::{Contender, those_here};
use super::external::External;
use super::load::{Load, Pace, Transport};
use super::measure::{CPU, MEMORY, MILLISECONDS, PAYLOAD, named, place, turn};
use super::stand_in::StandIn;
use crate::comparison::{Better, Comparison, Metric};
use crate::plan::Plan;
use crate::turns::{Conditions, take_turns};

const ALL: [Contender; 4] = [
    Contender::StandIn(StandIn::Bare),
    Contender::StandIn(StandIn::Batching),
    Contender::External(External::Nats),
    Contender::Ours,
];
const TIME: Metric = Metric { name: "time of a delivery", unit: "µs", better: Better::Less };
const TRANSPORT: Transport = Transport::WebSockets;

const CONNECTIONS: [usize; 5] = [100, 300, 1000, 3000, 10_000];
/// For all of them, and for who publishes.
const SEATS: [&str; 4] = ["--max-connections", "10100", "--max-connections-per-address", "10100"];
const WINDOWS: [usize; 2] = [1, 64];

const PAYLOADS: [usize; 5] = [100, 1 << 10, 4 << 10, 16 << 10, 64 << 10];
const LISTENERS: usize = 100;
/// So that as much can wait for a client of ours as the peers let wait, and the largest payload has room for its envelope.
const ROOM: [&str; 4] = ["--queue", "16MiB", "--max-frame", "128KiB"];

/// What a delivery takes with ever more listeners, and what a connection costs.
pub(crate) fn connection_growth(plan: Plan) -> Vec<Comparison> {
    let (all, milliseconds) = (those_here(&ALL), plan.work(MILLISECONDS));
    let mut comparisons = Vec::new();
    for window in WINDOWS {
        for listeners in CONNECTIONS {
            let setting = format!("{window} on their way, {}", place());
            let conditions =
                Conditions { workload: "growth-connections", setting, axis: "connections", at: listeners };
            let metrics = [TIME, CPU, MEMORY];
            comparisons.extend(take_turns(plan.rounds, &conditions, &named(&all), metrics, |name| {
                let pace = Pace::Window(window);
                let load = Load { transport: TRANSPORT, listeners, pace, milliseconds, payload: PAYLOAD };
                let found = turn(&all, name, &SEATS, load)?;
                let time = 1e6 / found.deliveries_per_second;
                Ok([time, found.cpu_seconds_per_million, found.bytes_per_connection])
            }));
        }
    }
    comparisons
}

/// What a delivery takes of ever larger events.
pub(crate) fn payload_growth(plan: Plan) -> Vec<Comparison> {
    let (all, milliseconds) = (those_here(&ALL), plan.work(MILLISECONDS));
    let mut comparisons = Vec::new();
    for window in WINDOWS {
        for payload in PAYLOADS {
            let setting = format!("{LISTENERS} listeners, {window} on their way, {}", place());
            let conditions =
                Conditions { workload: "growth-payload", setting, axis: "bytes of a payload", at: payload };
            comparisons.extend(take_turns(plan.rounds, &conditions, &named(&all), [TIME, CPU], |name| {
                let pace = Pace::Window(window);
                let load = Load { transport: TRANSPORT, listeners: LISTENERS, pace, milliseconds, payload };
                let found = turn(&all, name, &ROOM, load)?;
                Ok([1e6 / found.deliveries_per_second, found.cpu_seconds_per_million])
            }));
        }
    }
    comparisons
}
