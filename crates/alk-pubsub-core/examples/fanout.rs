//! Fan-out within one process, beside what else one would take for it: one publisher, S subscribers of one topic,
//! everybody receives everything, at most 1024 events wait.
//!
//! ```text
//! cargo run --release -p alk-pubsub-core --example fanout -- [rounds] [S,S,…] [peer,peer,…]
//! ```
//!
//! Peers take turns within a round. The figures are delivered events per second, in millions: the median with the lowest
//! and the highest, and the ratio of ours to the best of the others. A lost or reordered event is a failure.

#![allow(clippy::print_stdout, reason = "the table is the point")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alk_pubsub_core::{Bounds, Overflow, PubSub, event_map};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// How many events may wait for a subscriber.
const CAPACITY: usize = 1024;
const OURS: &str = "alk-pubsub";
const PEERS: [&str; 4] = ["tokio::broadcast", "flume each", "async-broadcast", OURS];

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Tick {
    sequence: u64,
    kind: u32,
    value: f64,
}

event_map! {
    struct Events {
        Ticked("ticked") => Tick,
    }
}

impl Tick {
    fn new(sequence: u64) -> Self {
        Self { sequence, kind: (sequence & 7) as u32, value: sequence as f64 }
    }
}

/// Sees to it that events come complete and in order.
#[derive(Default)]
struct Check {
    next: u64,
    sum: f64,
}

impl Check {
    fn see(&mut self, tick: &Tick) {
        assert_eq!(tick.sequence, self.next, "an event was lost");
        self.next += 1;
        self.sum += tick.value + f64::from(tick.kind);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(5, |text| text.parse().expect("a number of rounds"));
    let subscribers = arguments.next().unwrap_or("1,8,64,1024".to_owned());
    let wanted = arguments.next();
    let peers = PEERS.into_iter().filter(|peer| wanted.as_ref().is_none_or(|wanted| wanted.contains(peer)));
    let peers: Vec<&str> = peers.collect();
    println!("| S | runtime | {} | ours ÷ best |", peers.join(" | "));
    println!("|---|---|{}---|", "---|".repeat(peers.len()));
    for subscribers in subscribers.split(',').map(|text| text.parse().expect("a number of subscribers")) {
        for workers in [2, 0] {
            measure(subscribers, workers, rounds, &peers);
        }
    }
}

fn measure(subscribers: usize, workers: usize, rounds: usize, peers: &[&str]) {
    let events = (4_000_000 / subscribers).clamp(4_000, 1_000_000);
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
    for _ in 0..rounds {
        for (peer, rates) in peers.iter().zip(&mut rates) {
            let time = runtime(workers).block_on(fan_out(peer, subscribers, events));
            rates.push((subscribers * events) as f64 / time.as_secs_f64() / 1e6);
        }
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let medians: Vec<f64> = rates.iter_mut().map(median).collect();
    let cells: Vec<String> = medians
        .iter()
        .zip(&rates)
        .map(|(median, sorted)| format!("{median:.1} ({:.1}–{:.1})", sorted[0], sorted[sorted.len() - 1]))
        .collect();
    let ours = peers.iter().position(|peer| *peer == OURS).map(|at| medians[at]);
    let others = peers.iter().zip(&medians).filter(|(peer, _)| **peer != OURS).map(|(_, median)| *median);
    let ratio = ours.map_or(f64::NAN, |ours| ours / others.fold(0.0, f64::max));
    let runtime = if workers == 0 { "current thread".to_owned() } else { format!("{workers} workers") };
    println!("| {subscribers} | {runtime} | {} | {ratio:.2} |", cells.join(" | "));
}

/// Without workers it is the current-thread runtime.
fn runtime(workers: usize) -> Runtime {
    let mut builder = if workers == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.build().expect("a runtime")
}

async fn fan_out(peer: &str, subscribers: usize, events: usize) -> Duration {
    match peer {
        "tokio::broadcast" => tokio_broadcast(subscribers, events).await,
        "flume each" => flume_each(subscribers, events).await,
        "async-broadcast" => async_broadcast(subscribers, events).await,
        _ => ours(subscribers, events).await,
    }
}

/// The time from the first publish to the last receive.
async fn time_all<P>(publisher: P, subscribers: Vec<JoinHandle<u64>>, events: usize) -> Duration
where
    P: Future<Output = ()> + Send + 'static,
{
    tokio::task::yield_now().await;
    let start = Instant::now();
    tokio::spawn(publisher).await.expect("the publisher");
    for subscriber in subscribers {
        assert_eq!(subscriber.await.expect("a subscriber"), events as u64);
    }
    start.elapsed()
}

async fn ours(subscribers: usize, events: usize) -> Duration {
    let pubsub = PubSub::<Events>::in_process();
    let bounds = Bounds::default().events(CAPACITY).overflow(Overflow::Block);
    let mut tasks = Vec::new();
    for _ in 0..subscribers {
        let mut ticks = pubsub.subscribe_to(Ticked, "clock").bounds(bounds).await.expect("in process");
        tasks.push(tokio::spawn(async move {
            let mut check = Check::default();
            while let Some(event) = ticks.recv().await {
                check.see(event.payload());
            }
            check.next
        }));
    }
    let clock = pubsub.publisher(Ticked, "clock").expect("a topic");
    let publisher = async move {
        for sequence in 0..events {
            clock.publish(Tick::new(sequence as u64)).await.expect("in process");
        }
        pubsub.close().await.expect("in process");
    };
    time_all(publisher, tasks, events).await
}

/// It overwrites instead of waiting, so the publisher watches how full it is.
async fn tokio_broadcast(subscribers: usize, events: usize) -> Duration {
    const PACE: usize = 64;
    let (sender, _) = broadcast::channel::<Arc<Tick>>(CAPACITY);
    let receive = |mut receiver: broadcast::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        loop {
            match receiver.recv().await {
                Ok(tick) => check.see(&tick),
                Err(broadcast::error::RecvError::Closed) => return check.next,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let tasks = (0..subscribers).map(|_| tokio::spawn(receive(sender.subscribe()))).collect();
    let publisher = async move {
        for sequence in 0..events {
            while sequence % PACE == 0 && sender.len() > CAPACITY - PACE {
                tokio::task::yield_now().await;
            }
            assert!(sender.send(Arc::new(Tick::new(sequence as u64))).is_ok());
        }
    };
    time_all(publisher, tasks, events).await
}

async fn async_broadcast(subscribers: usize, events: usize) -> Duration {
    let (sender, receiver) = async_broadcast::broadcast::<Arc<Tick>>(CAPACITY);
    let receive = |mut receiver: async_broadcast::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        while let Ok(tick) = receiver.recv().await {
            check.see(&tick);
        }
        check.next
    };
    let tasks = (0..subscribers).map(|_| tokio::spawn(receive(receiver.clone()))).collect();
    drop(receiver);
    let publisher = async move {
        for sequence in 0..events {
            sender.broadcast(Arc::new(Tick::new(sequence as u64))).await.expect("subscribers");
        }
    };
    time_all(publisher, tasks, events).await
}

async fn flume_each(subscribers: usize, events: usize) -> Duration {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..subscribers).map(|_| flume::bounded::<Arc<Tick>>(CAPACITY)).unzip();
    let receive = |receiver: flume::Receiver<Arc<Tick>>| async move {
        let mut check = Check::default();
        while let Ok(tick) = receiver.recv_async().await {
            check.see(&tick);
        }
        check.next
    };
    let tasks = receivers.into_iter().map(|receiver| tokio::spawn(receive(receiver))).collect();
    let publisher = async move {
        for sequence in 0..events {
            let tick = Arc::new(Tick::new(sequence as u64));
            for sender in &senders {
                sender.send_async(tick.clone()).await.expect("a subscriber");
            }
        }
    };
    time_all(publisher, tasks, events).await
}
