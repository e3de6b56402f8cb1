use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

use super::registry::{CAPACITY, Name, Receiver, Registry};
use crate::tick::{Check, Tick};

/// Events of each topic between two waits for all subscribers: fewer than may wait, so that none is left out.
const BURST: usize = 10;
const _: () = assert!(BURST < CAPACITY);

/// Publishes to all topics in turn, a burst at a time, until every subscriber has everything: publishes a second.
///
/// # Panics
///
/// If an event was lost or came in another order.
pub(super) async fn publishes_per_second<R: Registry>(
    topics: usize,
    subscribers: usize,
    bursts: usize,
) -> f64 {
    let registry = R::new();
    let names = Name::all(topics);
    let waits = Arc::new((AtomicUsize::new(0), Notify::new()));
    for name in &names {
        for _ in 0..subscribers {
            let mut receiver = registry.subscribe(name).await;
            let waits = waits.clone();
            tokio::spawn(async move {
                let mut check = Check::default();
                while let Some(tick) = receiver.next().await {
                    check.see(&tick);
                    let burst_ends = check.seen().is_multiple_of(BURST as u64);
                    if burst_ends && waits.0.fetch_sub(1, Ordering::AcqRel) == 1 {
                        waits.1.notify_one();
                    }
                }
            });
        }
    }
    let publisher = async move {
        let start = Instant::now();
        for burst in 0..bursts {
            waits.0.store(topics * subscribers, Ordering::Release);
            for event in 0..BURST {
                for name in &names {
                    registry.publish(name, Tick::new((burst * BURST + event) as u64));
                }
            }
            waits.1.notified().await;
        }
        (topics * BURST * bursts) as f64 / start.elapsed().as_secs_f64()
    };
    tokio::spawn(publisher).await.expect("the publisher")
}
