use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, RwLock};

use alk_pubsub_core::PubSub;
use anyhow::{Context, Result, ensure};
use dashmap::DashMap;
use tokio::sync::broadcast;

use super::churn::subscribes_per_second;
use super::publishing::publishes_per_second;
use super::registry::Named;
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::runtime::{runtime, runtime_name};
use crate::tick::Tick;
use crate::turns::{Conditions, take_turns};

pub(super) const OURS: &str = "alk-pubsub";
pub(super) const DASHMAP: &str = "DashMap of broadcast";
pub(super) const RWLOCK: &str = "RwLock of broadcast";
const PARTICIPANTS: [(&str, Role); 3] = [(DASHMAP, Role::Peer), (RWLOCK, Role::Peer), (OURS, Role::Ours)];

const PUBLISHES: Metric = Metric { name: "publishes", unit: "k/s", better: Better::More };
const MEMORY: [Metric; 2] = [
    Metric { name: "memory of a topic that waits for its first event", unit: "bytes", better: Better::Less },
    Metric { name: "memory of a topic that has carried an event", unit: "bytes", better: Better::Less },
];
const CHURN: Metric = Metric { name: "subscribe and leave", unit: "k/s", better: Better::More };

const PUBLISH: Metric = Metric { name: "time of a publish", unit: "ns", better: Better::Less };
const ONE_SHOT: Metric =
    Metric { name: "time of a subscription that ends at once", unit: "ns", better: Better::Less };
const GROWING: [usize; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Topics, and subscribers of each.
const SHAPES: [(usize, usize, usize); 4] =
    [(1_000, 1, 200), (10_000, 1, 20), (100_000, 1, 2), (10_000, 10, 10)];
const ONE_SHOTS: usize = 300_000;

type ByDashMap = Arc<DashMap<String, broadcast::Sender<Arc<Tick>>>>;
type ByRwLock = Arc<RwLock<HashMap<String, broadcast::Sender<Arc<Tick>>>>>;

pub(crate) fn measure(plan: Plan) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for workers in [2, 0] {
        for (topics, each, bursts) in SHAPES {
            let (topics, bursts) = (plan.work(topics), bursts.min(plan.work(bursts) * 2));
            let setting = format!("{}, subscribers of a topic: {each}", runtime_name(workers));
            let conditions = Conditions { workload: "B", setting, axis: "topics", at: topics };
            comparisons.extend(take_turns(plan.rounds, &conditions, &PARTICIPANTS, [PUBLISHES], |name| {
                Ok([publishes(name, workers, topics, each, bursts)? / 1e3])
            }));
        }
    }
    for (topics, each, _) in &SHAPES[2..] {
        let topics = plan.work(*topics);
        let setting = format!("subscribers of a topic: {each}");
        let conditions = Conditions { workload: "B", setting, axis: "topics", at: topics };
        comparisons.extend(take_turns(plan.rounds, &conditions, &PARTICIPANTS, MEMORY, |name| {
            memory(name, topics, *each)
        }));
    }
    for others in [0, plan.work(100_000)] {
        let setting = "topics that stay".to_owned();
        let conditions = Conditions { workload: "B", setting, axis: "topics", at: others };
        let times = plan.work(ONE_SHOTS);
        comparisons.extend(take_turns(plan.rounds, &conditions, &PARTICIPANTS, [CHURN], |name| {
            Ok([subscribes(name, others, times)? / 1e3])
        }));
    }
    comparisons
}

/// What a publish, a topic, and a subscription of one event cost, with ever more topics.
pub(crate) fn growth(plan: Plan) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for topics in GROWING {
        let topics = plan.work(topics);
        let conditions = |setting: &str| Conditions {
            workload: "growth-topics",
            setting: setting.to_owned(),
            axis: "topics",
            at: topics,
        };
        let bursts = (50_000 / topics).clamp(1, 5_000);
        let one_each = conditions("2 workers, one subscriber each");
        comparisons.extend(take_turns(plan.rounds, &one_each, &PARTICIPANTS, [PUBLISH], |name| {
            Ok([1e9 / publishes(name, 2, topics, 1, bursts)?])
        }));
        let waiting = conditions("one subscriber each");
        comparisons
            .extend(take_turns(plan.rounds, &waiting, &PARTICIPANTS, MEMORY, |name| memory(name, topics, 1)));
        let beside = conditions("a topic that nobody else has, beside so many that stay");
        let times = plan.work(ONE_SHOTS / 3);
        comparisons.extend(take_turns(plan.rounds, &beside, &PARTICIPANTS, [ONE_SHOT], |name| {
            Ok([1e9 / subscribes(name, topics, times)?])
        }));
    }
    comparisons
}

fn publishes(name: &str, workers: usize, topics: usize, each: usize, bursts: usize) -> Result<f64> {
    Ok(runtime(workers)?.block_on(async {
        match name {
            OURS => publishes_per_second::<PubSub<Named>>(topics, each, bursts).await,
            DASHMAP => publishes_per_second::<ByDashMap>(topics, each, bursts).await,
            _ => publishes_per_second::<ByRwLock>(topics, each, bursts).await,
        }
    }))
}

fn subscribes(name: &str, others: usize, times: usize) -> Result<f64> {
    Ok(runtime(0)?.block_on(async {
        match name {
            OURS => subscribes_per_second::<PubSub<Named>>(others, times).await,
            DASHMAP => subscribes_per_second::<ByDashMap>(others, times).await,
            _ => subscribes_per_second::<ByRwLock>(others, times).await,
        }
    }))
}

/// Asks the program that counts, which lies beside this one.
fn memory(name: &str, topics: usize, subscribers: usize) -> Result<[f64; 2]> {
    let program = std::env::current_exe()?.with_file_name("topic-memory");
    let output = Command::new(&program).args([name, &topics.to_string(), &subscribers.to_string()]).output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (idle, used) = text.trim().split_once(' ').context("two numbers")?;
    Ok([idle.parse()?, used.parse()?])
}
