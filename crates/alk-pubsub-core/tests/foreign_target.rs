//! A target that only does what it must: subscriptions are kept by the provided method.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alk_pubsub_core::{
    Bounds, Delivery, Dynamic, Error, ErrorKind, Event, EventListener, EventTarget, Gap, GapReason,
    InProcessEventTarget, Interest, ListenerGuard, ListenerId, Overflow, PubSub, Published,
    RoutedEventTarget, StateWatch, Stats, TargetFuture, Upstream,
};
use futures_util::FutureExt;
use serde_json::json;

use support::{Wire, interest, within};

/// Nothing but the methods that have no default.
struct Foreign<T>(T);

impl<T: EventTarget> EventTarget for Foreign<T> {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        self.0.dispatch_event(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.0.try_dispatch_event(event)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.0.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.remove_event_listener(listener)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.0.close()
    }

    fn state(&self) -> StateWatch {
        self.0.state()
    }
}

#[tokio::test]
async fn it_queues_overflows_and_ends_like_any_other() {
    let inner = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Dynamic>::new(Foreign(inner.clone()));
    let mut all = pubsub.subscribe_all().await.unwrap();
    let mut few = pubsub.subscribe("a").capacity(2).await.unwrap().with_gaps();
    let mut latest = pubsub.subscribe("a").capacity(1).overflow(Overflow::Latest).await.unwrap();
    let mut closes = pubsub.subscribe("a").capacity(1).overflow(Overflow::Close).await.unwrap();
    for number in 0..5 {
        let published = pubsub.publish("a", "1", json!(number)).await.unwrap();
        assert_eq!(published.known_receivers(), Some(4));
    }
    for number in 0..5 {
        assert_eq!(all.recv().await.unwrap().payload(), &json!(number));
    }
    assert_eq!(few.recv().await, Some(Delivery::Gap(Gap::new(GapReason::Overflow, Some(3)))));
    assert_eq!(few.recv().await.unwrap().into_event().unwrap().payload(), &json!(3));
    assert_eq!(latest.recv().await.unwrap().payload(), &json!(4));
    assert_eq!(latest.missed(), 4);
    assert!(closes.recv().await.is_none());

    drop((all, latest, closes));
    assert_eq!(inner.interests(9), [(interest("a"), 1)]);
    pubsub.close().await.unwrap();
    assert_eq!(few.recv().await.unwrap().into_event().unwrap().payload(), &json!(4));
    assert!(within(few.recv()).await.is_none());
    assert_eq!(pubsub.stats(), Stats::default());
}

#[tokio::test]
async fn a_waiting_subscriber_is_woken() {
    let pubsub = PubSub::<Dynamic>::new(Foreign(InProcessEventTarget::in_process()));
    let mut subscription = pubsub.subscribe("a").await.unwrap();
    let waiting = tokio::spawn(async move { subscription.recv().await.unwrap().payload().clone() });
    tokio::task::yield_now().await;
    pubsub.publish("a", "1", json!(1)).await.unwrap();
    assert_eq!(within(waiting).await.unwrap(), json!(1));
}

#[tokio::test]
async fn it_cannot_block_and_says_so() {
    let pubsub = PubSub::<Dynamic>::new(Foreign(InProcessEventTarget::in_process()));
    let refused = pubsub.subscribe("a").overflow(Overflow::Block).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let pubsub = PubSub::<Dynamic>::new(Wire::target());
    let refused = pubsub.subscribe("a").overflow(Overflow::Block).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn gaps_come_through() {
    let wire = Wire::target();
    let pubsub = PubSub::<Dynamic>::new(Foreign(wire.clone()));
    let mut subscription = pubsub.subscribe("a").await.unwrap().with_gaps();
    let gap = Gap::new(GapReason::TransportLag, Some(5));
    wire.upstream().router().report_gap(None, gap);
    assert_eq!(within(subscription.recv()).await, Some(Delivery::Gap(gap)));
}

/// An upstream that confirms nothing.
#[derive(Default)]
struct Mute {
    removed: Arc<AtomicUsize>,
}

impl Upstream for Mute {
    fn publish(&self, _: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::boxed(std::future::pending())
    }

    fn try_publish(&self, _: Event) -> Result<Published, Error> {
        Err(Error::new(ErrorKind::Disconnected, "mute"))
    }

    fn interest_removed(&self, _: &Interest) {
        self.removed.fetch_add(1, Ordering::SeqCst);
    }

    fn confirmed(&self, _: &Interest) -> TargetFuture<Result<(), Error>> {
        TargetFuture::boxed(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_confirmed_in_time_is_not_subscribed() {
    let mute = Mute::default();
    let removed = mute.removed.clone();
    let target = RoutedEventTarget::with_subscribe_timeout(|_| mute, Duration::from_secs(3));
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let begin = tokio::time::Instant::now();
    let refused = pubsub.subscribe("a").await.unwrap_err();
    assert_eq!((refused.kind(), begin.elapsed()), (ErrorKind::Timeout, Duration::from_secs(3)));
    assert!(refused.is_retryable() && refused.to_string().contains("`a`"), "{refused}");
    assert_eq!((removed.load(Ordering::SeqCst), target.stats().interests), (1, 0));

    // Giving up is unsubscribing, through the provided method too.
    for to in ["a:1", "a"] {
        let foreign = Foreign(target.clone());
        let mut subscribing = foreign.subscribe_raw(interest(to), Bounds::default());
        assert!((&mut subscribing).now_or_never().is_none());
        assert_eq!(target.stats().interests, 1);
        drop(subscribing);
        assert_eq!(target.stats().interests, 0);
    }
}
