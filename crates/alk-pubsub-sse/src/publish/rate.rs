use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::sweep::lock;

/// How many events a second may be published, of which those of one second may come at once.
///
/// Whoever publishes faster waits, and is held back by its connection. A handle: clones count together. A
/// server that knows its connections puts one into the extensions of every request of a connection; then the limit
/// holds for the connection. A request without one has a limit of its own.
///
/// ```
/// use alk_pubsub_sse::PublishRate;
///
/// # let mut request = axum::http::Request::new(());
/// let of_this_connection = PublishRate::per_second(100);
/// request.extensions_mut().insert(of_this_connection.clone());
/// ```
#[derive(Debug, Clone)]
pub struct PublishRate(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    /// The time that one event takes.
    each: Duration,
    /// When everything that was published would have been at the allowed rate.
    full_at: Mutex<Option<Instant>>,
}

impl PublishRate {
    /// So many events a second, at least one.
    #[must_use]
    pub fn per_second(events: u32) -> Self {
        let each = Duration::from_secs(1) / events.max(1);
        Self(Arc::new(Bucket { each, full_at: Mutex::new(None) }))
    }

    /// Waits until another event is allowed, and counts it. Cancelled, it was counted.
    pub(super) async fn take(&self) {
        let now = Instant::now();
        let at = {
            let mut full_at = lock(&self.0.full_at);
            let next = full_at.map_or(now, |full_at| full_at.max(now)) + self.0.each;
            *full_at = Some(next);
            next
        };
        // A second's worth is allowed ahead of time.
        if let Some(early) = at.checked_sub(Duration::from_secs(1)).filter(|early| *early > now) {
            sleep_until(early).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::PublishRate;

    #[tokio::test(start_paused = true)]
    async fn a_second_at_once_and_then_at_the_rate() {
        let rate = PublishRate::per_second(10);
        advance(Duration::from_secs(100)).await;
        let start = Instant::now();
        for _ in 0..10 {
            rate.take().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            rate.take().await;
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_secs(2) && elapsed < Duration::from_millis(2100), "{elapsed:?}");
    }
}
