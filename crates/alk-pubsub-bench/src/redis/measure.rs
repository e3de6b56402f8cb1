use std::process::{Child, Command, Stdio};

use alk_pubsub_testkit::redis::Server;
use anyhow::{Context, Result};

use super::bare::{Bare, Dialect};
use super::client::Client;
use super::fred::Fred;
use super::listeners::Listeners;
use super::ours::Ours;
use super::publishing::{Publisher, deliver, pace};
use super::redis_rs::RedisRs;
use crate::comparison::{Better, Comparison, Metric, Role};
use crate::installed::{free_port, on_path, say_missing, until_it_listens};
use crate::plan::Plan;
use crate::runtime::{runtime, runtime_name};
use crate::turns::{Conditions, take_turns};

pub(super) const CHANNEL: &str = "bench:note:bench";

const DELIVERED: Metric = Metric { name: "delivered", unit: "k/s", better: Better::More };
const P50: Metric = Metric { name: "latency p50", unit: "µs", better: Better::Less };
const P99: Metric = Metric { name: "latency p99", unit: "µs", better: Better::Less };

/// Subscribers, and how many events each receives.
const SHAPES: [(usize, usize); 2] = [(1, 300_000), (8, 100_000)];
/// How many are timed at a fixed rate.
const TIMED: usize = 2_000;

/// Where the brokers are.
struct Brokers {
    redis: Server,
    nats: Option<Nats>,
}

pub(crate) fn measure(plan: Plan) -> Vec<Comparison> {
    let brokers = Brokers { redis: Server::start(&[]), nats: Nats::start() };
    let here = |client: &&Client| **client != Client::BareNats || brokers.nats.is_some();
    let all = Client::ALL.iter().filter(here);
    let all: Vec<(&'static str, Role)> = all.map(|client| (client.name(), client.role())).collect();
    let mut comparisons = Vec::new();
    for (subscribers, events) in SHAPES {
        let last = plan.work(events) as u64;
        let setting = format!("{} in each process", runtime_name(0));
        let conditions = Conditions { workload: "C", setting, axis: "subscribers", at: subscribers };
        comparisons.extend(take_turns(plan.rounds, &conditions, &all, [DELIVERED], |name| {
            let [seconds, _] = turn(&brokers, name, subscribers, last, false)?;
            Ok([(last * subscribers as u64) as f64 / seconds / 1e3])
        }));
    }
    for (subscribers, _) in SHAPES {
        let last = plan.work(TIMED) as u64;
        let setting = format!("1000 events a second, {} in each process", runtime_name(0));
        let conditions = Conditions { workload: "C", setting, axis: "subscribers", at: subscribers };
        comparisons.extend(take_turns(plan.rounds, &conditions, &all, [P50, P99], |name| {
            turn(&brokers, name, subscribers, last, true)
        }));
    }
    comparisons
}

/// The seconds that it took, or how late events were where they come one by one.
fn turn(brokers: &Brokers, name: &str, subscribers: usize, last: u64, paced: bool) -> Result<[f64; 2]> {
    let client = Client::named(name).context("nobody is called so")?;
    let url = match (client, &brokers.nats) {
        (Client::BareNats, Some(nats)) => nats.url.clone(),
        _ => brokers.redis.url(),
    };
    runtime(0)?.block_on(async {
        let listeners = Listeners { client: name.to_owned(), url: url.clone(), subscribers, last };
        match client {
            Client::Fred => run(Fred::connect(&url).await?, &listeners, paced).await,
            Client::RedisRs => run(RedisRs::connect(&url).await?, &listeners, paced).await,
            Client::BareResp => run(Bare::connect(Dialect::Resp, &url)?, &listeners, paced).await,
            Client::BareNats => run(Bare::connect(Dialect::Nats, &url)?, &listeners, paced).await,
            Client::Ours => run(Ours::connect(&url).await?, &listeners, paced).await,
        }
    })
}

async fn run(mut publisher: impl Publisher, listeners: &Listeners, paced: bool) -> Result<[f64; 2]> {
    let running = listeners.start()?;
    if paced {
        return pace(&mut publisher, &running, listeners.last).await;
    }
    let seconds = deliver(&mut publisher, &running, listeners.last).await?;
    Ok([seconds, 0.0])
}

/// A server of NATS, where it is installed.
struct Nats {
    child: Child,
    url: String,
}

impl Nats {
    fn start() -> Option<Self> {
        let Some(program) = on_path("nats-server") else {
            say_missing(Client::BareNats.name(), "there is no `nats-server` on PATH");
            return None;
        };
        let started = free_port().and_then(|port| {
            let mut command = Command::new(program);
            command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            // Made before it is waited for, so that it is ended in any case.
            let nats = Self { child, url: format!("nats://127.0.0.1:{port}") };
            until_it_listens(port).map(|()| nats)
        });
        started.inspect_err(|error| say_missing(Client::BareNats.name(), &format!("{error:#}"))).ok()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
