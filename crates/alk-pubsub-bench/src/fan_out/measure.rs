use anyhow::Result;

use super::{ours, peers};
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::runtime::{runtime, runtime_name};
use crate::turns::{Conditions, take_turns};

const SUBSCRIBERS: [usize; 4] = [1, 8, 64, 1024];
const METRIC: Metric = Metric { name: "delivered", unit: "M events/s", better: Better::More };
const PARTICIPANTS: [(&str, Role); 4] = [
    ("tokio::broadcast", Role::Peer),
    ("flume each", Role::Peer),
    ("async-broadcast", Role::Peer),
    ("alk-pubsub", Role::Ours),
];

pub(crate) fn measure(plan: Plan) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for workers in [2, 0] {
        for subscribers in SUBSCRIBERS {
            let conditions = Conditions {
                workload: "A",
                setting: runtime_name(workers),
                axis: "subscribers",
                at: subscribers,
            };
            let events = plan.work((4_000_000 / subscribers).clamp(4_000, 1_000_000));
            let measured = take_turns(plan.rounds, &conditions, &PARTICIPANTS, [METRIC], |name| {
                let time = runtime(workers)?.block_on(async {
                    match name {
                        "tokio::broadcast" => peers::tokio_broadcast(subscribers, events).await,
                        "flume each" => peers::flume_each(subscribers, events).await,
                        "async-broadcast" => peers::async_broadcast(subscribers, events).await,
                        _ => ours::alk_pubsub(subscribers, events).await,
                    }
                });
                Ok([(subscribers * events) as f64 / time.as_secs_f64() / 1e6])
            });
            comparisons.extend(measured?);
        }
    }
    Ok(comparisons)
}
