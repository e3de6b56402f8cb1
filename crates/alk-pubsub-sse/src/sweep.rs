//! Keeps streams within their bounds whose client does not read.
//!
//! While a client does not read, nobody asks its body for more, and each of its topics may pile up to the bound that is meant
//! for all of them together. One task for each relay looks after those with several topics; one topic keeps the bound by
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use alk_pubsub_core::{Bounds, Feed};

const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) type SharedFeed = Arc<Mutex<Feed>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub(crate) struct Sweep {
    feeds: Mutex<Vec<Weak<Mutex<Feed>>>>,
    running: AtomicBool,
}

impl Sweep {
    /// Looks after a feed for as long as it is there. To be called in a runtime.
    pub(crate) fn add(self: &Arc<Self>, feed: &SharedFeed, bounds: Bounds) {
        lock(&self.feeds).push(Arc::downgrade(feed));
        if !self.running.swap(true, Ordering::AcqRel) {
            let mut running = Running { sweep: self.clone(), armed: true };
            tokio::spawn(async move {
                while running.armed {
                    tokio::time::sleep(INTERVAL).await;
                    running.armed = running.sweep.sweep(bounds);
                }
            });
        }
    }

    /// Whether there is any feed left; if not, the task is over, and the next feed starts another.
    fn sweep(&self, bounds: Bounds) -> bool {
        let feeds: Vec<SharedFeed> = {
            let mut feeds = lock(&self.feeds);
            feeds.retain(|feed| feed.strong_count() > 0);
            if feeds.is_empty() {
                feeds.shrink_to_fit();
                self.running.store(false, Ordering::Release);
                return false;
            }
            feeds.iter().filter_map(Weak::upgrade).collect()
        };
        for feed in feeds {
            lock(&feed).keep_within(bounds);
        }
        true
    }
}

/// Notes that the task is over where its runtime ended it.
struct Running {
    sweep: Arc<Sweep>,
    armed: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.armed {
            self.sweep.running.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;

    use alk_pubsub_core::{Bounds, Encoding, Event, EventTarget, Feed, InProcessEventTarget, Topic};
    use alk_pubsub_link::ConnectionInfo;
    use futures_util::FutureExt;
    use http_body::Body;

    use crate::body::SseBody;
    use crate::config::Config;
    use crate::relay::Shared;
    use crate::rights::Rights;

    fn rights(relay: &Shared) -> Rights {
        let listed = relay.streams.list(ConnectionInfo::new("1", None));
        Rights::new(listed, relay.config.authorizer.clone())
    }

    const TOPICS: usize = 8;
    const BOUND: usize = 16 << 10;

    #[tokio::test(start_paused = true)]
    async fn all_topics_of_a_stream_that_is_not_read_share_one_bound() {
        let target = InProcessEventTarget::in_process();
        let config = Config { bounds: Bounds::default().bytes(BOUND), ..Config::default() };
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), config));
        let mut feed = Feed::new();
        for topic in 0..TOPICS {
            let topic: Topic = format!("t:{topic}").parse().unwrap();
            feed.insert(target.subscribe_raw(topic.into(), relay.config.bounds).await.unwrap());
        }
        let mut body = pin!(SseBody::new(feed, rights(&relay), relay.clone()));
        let mut read = || {
            let (mut next, mut bytes) =
                (std::future::poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))), 0);
            while let Some(Poll::Ready(Some(Ok(frame)))) = (&mut next).now_or_never() {
                bytes += frame.into_data().unwrap().len();
            }
            bytes
        };
        read();

        for number in 0..100 * TOPICS {
            let topic: Topic = format!("t:{}", number % TOPICS).parse().unwrap();
            let envelope = Encoding::JSON.encode(&topic, &"x".repeat(1000)).unwrap();
            target.dispatch_event(Event::from_encoded(Encoding::JSON, envelope).unwrap()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        // Each topic may keep one event more than its share, and has a gap.
        let most = BOUND + TOPICS * 1200;
        let bytes = read();
        assert!(bytes > BOUND / 2 && bytes < most, "{bytes} of at most {most}");
        let stats = relay.counters.snapshot();
        assert_eq!(stats.events + stats.missed, 100 * TOPICS as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_ends_with_the_last_stream_and_begins_with_the_next() {
        let target = InProcessEventTarget::in_process();
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), Config::default()));
        let bounds = relay.config.bounds;
        for _ in 0..2 {
            let mut feed = Feed::new();
            for topic in ["a:1", "b:1"] {
                let topic: Topic = topic.parse().unwrap();
                feed.insert(target.subscribe_raw(topic.into(), bounds).await.unwrap());
            }
            let body = SseBody::new(feed, rights(&relay), relay.clone());
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
            drop(body);
            assert_eq!(target.stats().subscribers, 0);
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
        }
    }
}
