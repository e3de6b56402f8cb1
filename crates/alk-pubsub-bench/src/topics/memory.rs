use std::alloc::System;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use alk_pubsub_core::PubSub;
use anyhow::{Context, Result, bail};
use dashmap::DashMap;
use stats_alloc::{Region, StatsAlloc};
use tokio::sync::broadcast;

use super::measure::{DASHMAP, OURS, RWLOCK};
use super::registry::{Name, Named, Receiver, Registry};
use crate::runtime::runtime;
use crate::tick::Tick;

/// Prints how many bytes a topic costs, before and after it has carried an event. The arguments of the program are the peer, the number of topics, and the number of subscribers of each.
///
/// # Errors
///
/// If the arguments are other ones.
pub fn print_memory(allocator: &'static StatsAlloc<System>) -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let peer = arguments.next().context("which peer?")?;
    let mut number = || arguments.next().and_then(|text| text.parse().ok()).context("how many?");
    let (topics, subscribers) = (number()?, number()?);
    let bytes = runtime(0)?.block_on(async {
        match peer.as_str() {
            OURS => Ok(bytes_per_topic::<PubSub<Named>>(allocator, topics, subscribers).await),
            DASHMAP => {
                Ok(bytes_per_topic::<Arc<DashMap<String, Sender>>>(allocator, topics, subscribers).await)
            }
            RWLOCK => {
                Ok(bytes_per_topic::<Arc<RwLock<HashMap<String, Sender>>>>(allocator, topics, subscribers)
                    .await)
            }
            other => bail!("nobody is called {other}"),
        }
    });
    let [idle, used] = bytes?;
    println!("{idle} {used}");
    Ok(())
}

type Sender = broadcast::Sender<Arc<Tick>>;

/// With a task for each subscriber that waits for events: before the first event, and after each topic has carried one.
async fn bytes_per_topic<R: Registry>(
    allocator: &'static StatsAlloc<System>,
    topics: usize,
    subscribers: usize,
) -> [f64; 2] {
    let names = Name::all(topics);
    let region = Region::new(allocator);
    let per_topic = || {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated) as f64 / topics as f64
    };
    let registry = R::new();
    // How many have begun to wait, and how many were given something.
    let progress = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    for name in &names {
        for _ in 0..subscribers {
            let mut receiver = registry.subscribe(name).await;
            let progress = progress.clone();
            tokio::spawn(async move {
                progress.0.fetch_add(1, Ordering::Relaxed);
                while receiver.next().await.is_some() {
                    progress.1.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    until(&progress.0, topics * subscribers).await;
    let idle = per_topic();
    for name in &names {
        registry.publish(name, Tick::new(0));
    }
    until(&progress.1, topics * subscribers).await;
    [idle, per_topic()]
}

async fn until(progress: &AtomicUsize, all: usize) {
    while progress.load(Ordering::Relaxed) < all {
        tokio::task::yield_now().await;
    }
}
