use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How many events may wait for a subscriber.
pub(super) const CAPACITY: usize = 1024;

/// The time from the first publish to the last receive.
///
/// # Panics
///
/// If a subscriber did not see all events in order.
pub(super) async fn time_all<P>(publisher: P, subscribers: Vec<JoinHandle<u64>>, events: usize) -> Duration
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
