//! Looks after streams whose client does not read.
//!
//! While a client does not read, nobody asks its body for more. Each of its topics may pile up to the bound that is meant for
//! all of them together; its identity may expire, and it may be disconnected. One task for each relay looks after all of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::hang_up::HangUp;
use crate::listed::Handle;
use crate::relay::Shared;
use crate::rights;

const INTERVAL: Duration = Duration::from_secs(1);
/// How long a client has to take the end of its stream.
const LEAVE: Duration = Duration::from_secs(2);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub(crate) struct Sweep {
    /// Those whose streams were ended, oldest first.
    leaving: Mutex<Vec<(Instant, HangUp)>>,
    running: AtomicBool,
}

impl Sweep {
    /// Looks after the streams of this relay for as long as there are any. To be called in a runtime, when another one was listed.
    pub(crate) fn start(relay: &Arc<Shared>) {
        if !relay.sweep.running.swap(true, Ordering::AcqRel) {
            let mut running = Running { relay: Arc::downgrade(relay), armed: true };
            tokio::spawn(async move {
                while running.armed {
                    tokio::time::sleep(INTERVAL).await;
                    running.armed = running.relay.upgrade().is_some_and(|relay| sweep(&relay));
                }
            });
        }
    }

    /// This stream, which is still listed, was ended.
    pub(crate) fn leaving(&self, stream: &Handle) {
        if let Some(hang_up) = stream.hang_up.clone() {
            lock(&self.leaving).push((Instant::now() + LEAVE, hang_up));
        }
    }

    fn hang_up(&self) {
        let now = Instant::now();
        let mut leaving = lock(&self.leaving);
        let due = leaving.iter().take_while(|(due, _)| *due <= now).count();
        let those: Vec<_> = leaving.drain(..due).collect();
        if leaving.is_empty() {
            leaving.shrink_to_fit();
        }
        drop(leaving);
        those.iter().for_each(|(_, hang_up)| hang_up.hang_up());
    }
}

/// Whether anything is left to look after; if not, the task is over, and the next stream starts another.
fn sweep(relay: &Shared) -> bool {
    relay.sweep.hang_up();
    let mut goes_on = true;
    let streams = relay.streams.all_or(|| {
        goes_on = !lock(&relay.sweep.leaving).is_empty();
        relay.sweep.running.store(goes_on, Ordering::Release);
    });
    for stream in streams {
        let Some(mut served) = stream.served() else { continue };
        if served.over.is_none() {
            // It asks foreign code: where that panics, this stream ends, and the others are looked after as before.
            let look = AssertUnwindSafe(|| rights::look(relay, &stream, &mut served));
            if catch_unwind(look).is_err() {
                rights::over(relay, &stream, &mut served, "disconnected");
            }
            // A single topic keeps its bound by itself.
            if served.feed.len() > 1 {
                served.feed.keep_within(relay.config.bounds);
            }
            let over = served.over.is_some();
            drop(served);
            if over {
                stream.task.wake();
            }
        }
    }
    goes_on
}

/// Notes that the task is over where its runtime ended it.
struct Running {
    relay: Weak<Shared>,
    armed: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let (true, Some(relay)) = (self.armed, self.relay.upgrade()) {
            relay.sweep.running.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;
    use std::time::Duration;

    use alk_pubsub_core::{Bounds, Encoding, Event, EventTarget, Feed, InProcessEventTarget, Topic};
    use alk_pubsub_link::{ConnectionInfo, Identity};
    use futures_util::FutureExt;
    use http_body::Body;
    use tokio::time::Instant;

    use crate::body::SseBody;
    use crate::config::Config;
    use crate::hang_up::HangUp;
    use crate::listed::{Listed, Order};
    use crate::relay::Shared;

    fn listed(relay: &Shared) -> Listed {
        relay.streams.list(ConnectionInfo::new("1", None), None)
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
        let mut body = pin!(SseBody::new(feed, listed(&relay), relay.clone()));
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
            let body = SseBody::new(feed, listed(&relay), relay.clone());
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
            drop(body);
            assert_eq!(target.stats().subscribers, 0);
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
        }
    }

    /// A client that does not read: nobody asks the body for more, whatever wakes it.
    async fn not_read(identity: Identity, order: Option<Order>) {
        let target = InProcessEventTarget::in_process();
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), Config::default()));
        let mut feed = Feed::new();
        let topic: Topic = "a:1".parse().unwrap();
        feed.insert(target.subscribe_raw(topic.clone().into(), relay.config.bounds).await.unwrap());
        let hung_up = Arc::new(AtomicUsize::new(0));
        let hang_up = HangUp::new({
            let hung_up = hung_up.clone();
            move || {
                hung_up.fetch_add(1, Ordering::Relaxed);
            }
        });
        let began = Instant::now();
        let reason = if order.is_some() { "disconnected" } else { "expired" };
        let info = ConnectionInfo::with_identity("1", None, identity);
        let listed = relay.streams.list(info, Some(hang_up));
        let mut body = pin!(SseBody::new(feed, listed, relay.clone()));
        let mut next = || {
            let next = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).now_or_never();
            next.map(|frame| {
                frame.map(|frame| String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
            })
        };
        next();
        let envelope = Encoding::JSON.encode(&topic, &1).unwrap();
        target.dispatch_event(Event::from_encoded(Encoding::JSON, envelope).unwrap()).await.unwrap();
        if let Some(order) = order {
            assert_eq!(relay.streams.order(|_| true, &order), 1);
        }
        while target.stats().subscribers > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
        while hung_up.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
        // It reads after all. What waited for it is not for it any more.
        let last = next().unwrap().unwrap();
        assert!(last.starts_with("event: __close") && last.contains(reason), "{last}");
        assert_eq!(next(), Some(None));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(hung_up.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_identity_that_expires_ends_a_stream_that_is_not_read() {
        not_read(Identity::new("ann").expires_at(Instant::now() + Duration::from_secs(2)), None).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_disconnected_and_does_not_read_is_sent_nothing_any_more() {
        not_read(Identity::new("ann"), Some(Order::Disconnect)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn where_looking_at_one_stream_panics_the_others_are_looked_after() {
        let target = InProcessEventTarget::in_process();
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), Config::default()));
        let mut bodies = Vec::new();
        for id in ["1", "2"] {
            let mut feed = Feed::new();
            let topic: Topic = "a:1".parse().unwrap();
            feed.insert(target.subscribe_raw(topic.into(), relay.config.bounds).await.unwrap());
            let listed = relay.streams.list(ConnectionInfo::new(id, None), None);
            bodies.push(Box::pin(SseBody::new(feed, listed, relay.clone())));
        }
        let panics = Order::Unsubscribe(Arc::new(|_, _| panic!("foreign code")));
        assert_eq!(relay.streams.order(|stream| stream.id() == "1", &panics), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(target.stats().subscribers, 1, "the one it was asked of has ended");
        assert_eq!(relay.streams.order(|_| true, &Order::Disconnect), 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(target.stats().subscribers, 0);
        let mut rest = String::new();
        while let Some(frame) = std::future::poll_fn(|cx| bodies[0].as_mut().poll_frame(cx)).await {
            rest += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
        assert!(rest.contains("disconnected"), "{rest}");
    }
}
