use anyhow::Result;

use super::{ours, peers};
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::runtime::{runtime, runtime_name};
use crate::turns::{Conditions, take_turns};

const SUBSCRIBERS: [usize; 4] = [1, 8, 64, 1024];
const GROWING: [usize; 5] = [1, 10, 100, 1000, 10_000];
const DELIVERED: Metric = Metric { name: "delivered", unit: "M events/s", better: Better::More };
const TIME: Metric = Metric { name: "time of a delivery", unit: "ns", better: Better::Less };
const PARTICIPANTS: [(&str, Role); 4] = [
    ("tokio::broadcast", Role::Peer),
    ("flume each", Role::Peer),
    ("async-broadcast", Role::Peer),
    ("alk-pubsub", Role::Ours),
];

pub(crate) fn measure(plan: Plan) -> Vec<Comparison> {
    along("A", &SUBSCRIBERS, DELIVERED, plan, |deliveries, seconds| deliveries / seconds / 1e6)
}

/// What a delivery takes, with ever more subscribers.
pub(crate) fn growth(plan: Plan) -> Vec<Comparison> {
    along("growth-subscribers", &GROWING, TIME, plan, |deliveries, seconds| seconds / deliveries * 1e9)
}

fn along(
    workload: &'static str,
    axis: &[usize],
    metric: Metric,
    plan: Plan,
    figure: impl Fn(f64, f64) -> f64,
) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for workers in [2, 0] {
        for &subscribers in axis {
            let setting = runtime_name(workers);
            let conditions = Conditions { workload, setting, axis: "subscribers", at: subscribers };
            let events = plan.work((4_000_000 / subscribers).clamp(4_000, 1_000_000));
            comparisons.extend(take_turns(plan.rounds, &conditions, &PARTICIPANTS, [metric], |name| {
                let seconds = seconds(name, workers, subscribers, events)?;
                Ok([figure((subscribers * events) as f64, seconds)])
            }));
        }
    }
    comparisons
}

fn seconds(name: &str, workers: usize, subscribers: usize, events: usize) -> Result<f64> {
    let time = runtime(workers)?.block_on(async {
        match name {
            "tokio::broadcast" => peers::tokio_broadcast(subscribers, events).await,
            "flume each" => peers::flume_each(subscribers, events).await,
            "async-broadcast" => peers::async_broadcast(subscribers, events).await,
            _ => ours::alk_pubsub(subscribers, events).await,
        }
    });
    Ok(time.as_secs_f64())
}
