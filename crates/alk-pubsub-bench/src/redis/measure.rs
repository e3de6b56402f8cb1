use alk_pubsub_testkit::redis::Server;
use anyhow::Result;

use super::{fred, ours, redis_rs};
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::runtime::{runtime, runtime_name};
use crate::turns::{Conditions, take_turns};

pub(super) const CHANNEL: &str = "bench:note:bench";

const OURS: &str = "alk-pubsub";
const FRED: &str = "fred";
const REDIS_RS: &str = "redis-rs";
const PARTICIPANTS: [(&str, Role); 3] = [(FRED, Role::Peer), (REDIS_RS, Role::Peer), (OURS, Role::Ours)];

const DELIVERED: Metric = Metric { name: "delivered", unit: "k/s", better: Better::More };

/// Subscribers, and how many events each receives.
const SHAPES: [(usize, usize); 2] = [(1, 300_000), (8, 100_000)];
const WORKERS: usize = 2;

pub(crate) fn measure(plan: Plan) -> Result<Vec<Comparison>> {
    let server = Server::start(&[]);
    let url = server.url();
    let mut comparisons = Vec::new();
    for (subscribers, events) in SHAPES {
        let events = plan.work(events) as u64;
        let setting = runtime_name(WORKERS);
        let conditions = Conditions { workload: "C", setting, axis: "subscribers", at: subscribers };
        comparisons.extend(take_turns(plan.rounds, &conditions, &PARTICIPANTS, [DELIVERED], |name| {
            let rate = runtime(WORKERS)?.block_on(async {
                match name {
                    OURS => ours::measure(&url, subscribers, events).await,
                    FRED => fred::measure(&url, subscribers, events).await,
                    _ => redis_rs::measure(&url, subscribers, events).await,
                }
            });
            Ok([rate? / 1e3])
        })?);
    }
    Ok(comparisons)
}
