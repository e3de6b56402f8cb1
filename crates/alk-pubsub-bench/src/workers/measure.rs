use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

#[cfg(unix)]
use super::process;
use super::thread;
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::plan::Plan;
use crate::runtime::runtime;
use crate::turns::{Conditions, take_turns};

const METRIC: Metric = Metric { name: "events", unit: "k events/s", better: Better::More };
const OURS: &str = "alk-pubsub";
const CHANNELS: &str = "tokio channels";
const SHARED: &str = "tokio channels, Arc";
const THREAD: [(&str, Role); 3] = [(CHANNELS, Role::Peer), (SHARED, Role::Peer), (OURS, Role::Ours)];
#[cfg(unix)]
const BYTES: &str = "socket pair, bytes";
#[cfg(unix)]
const JSON: &str = "socket pair, JSON";
#[cfg(unix)]
const PROCESS: [(&str, Role); 3] = [(BYTES, Role::Peer), (JSON, Role::Peer), (OURS, Role::Ours)];

/// How many of each kind in a turn.
const PINGS: usize = 10_000;
const EVENTS: usize = 300_000;

/// What this process is to do, if it is the worker of one that measures.
pub(crate) fn child_role() -> Option<String> {
    #[cfg(unix)]
    return process::role();
    #[cfg(not(unix))]
    None
}

/// Is the worker.
pub(crate) fn run_child(role: &str) -> Result<()> {
    #[cfg(unix)]
    runtime(0)?.block_on(process::child(role));
    let _ = role;
    Ok(())
}

pub(crate) fn measure(plan: Plan) -> Vec<Comparison> {
    let (pings, events) = (plan.work(PINGS) as u64, plan.work(EVENTS) as u64);
    let mut comparisons = Vec::new();
    let mut add =
        |setting: &str, all: &[(&'static str, Role)], count: u64, turn: &dyn Fn(&str) -> Result<Duration>| {
            let conditions = Conditions { workload: "W", setting: setting.to_owned(), axis: "worker", at: 1 };
            comparisons.extend(take_turns(plan.rounds, &conditions, all, [METRIC], |name| {
                Ok([count as f64 / turn(name)?.as_secs_f64() / 1e3])
            }));
        };
    add("thread, ping-pong", &THREAD, pings, &|name| match name {
        OURS => Ok(runtime(0)?.block_on(thread::pings(pings))),
        SHARED => Ok(runtime(0)?.block_on(thread::plain_pings::<Arc<u64>>(pings))),
        _ => Ok(runtime(0)?.block_on(thread::plain_pings::<u64>(pings))),
    });
    add("thread, one way", &THREAD, events, &|name| match name {
        OURS => Ok(runtime(0)?.block_on(thread::one_way(events))),
        SHARED => Ok(runtime(0)?.block_on(thread::plain_one_way::<Arc<u64>>(events))),
        _ => Ok(runtime(0)?.block_on(thread::plain_one_way::<u64>(events))),
    });
    #[cfg(unix)]
    add("process, ping-pong", &PROCESS, pings, &|name| match name {
        OURS => Ok(runtime(0)?.block_on(process::pings(pings))),
        _ => Ok(runtime(0)?.block_on(process::plain_pings(pings, name == JSON))),
    });
    #[cfg(unix)]
    add("process, one way", &PROCESS, events, &|name| match name {
        OURS => Ok(runtime(0)?.block_on(process::one_way(events))),
        _ => Ok(runtime(0)?.block_on(process::plain_one_way(events, name == JSON))),
    });
    comparisons
}
