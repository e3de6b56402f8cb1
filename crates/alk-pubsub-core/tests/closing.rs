//! `close`: new calls fail, what is held is handed out, everybody is told once.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alk_pubsub_core::{
    Bounds, ConnectionState, Delivery, Dynamic, Error, ErrorKind, Event, EventListener, EventTarget, Gap,
    GapReason, InProcessEventTarget, Overflow, PubSub, Published, RoutedEventTarget, TargetFuture,
    TryRecvError, Upstream,
};
use futures_util::FutureExt;
use serde_json::json;
use tokio::sync::Notify;

use support::{event, interest, now, subscribe, within};

#[tokio::test]
async fn subscriptions_hand_out_what_they_hold_and_end() {
    let pubsub = PubSub::<Dynamic>::in_process();
    for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Close, Overflow::Block] {
        let pubsub = PubSub::<Dynamic>::in_process();
        let mut subscription = pubsub.subscribe("a").overflow(overflow).await.unwrap();
        for number in 0..3 {
            pubsub.publish("a", "1", json!(number)).await.unwrap();
        }
        pubsub.close().await.unwrap();
        for number in 0..3 {
            assert_eq!(subscription.recv().await.unwrap().payload(), &json!(number));
        }
        for _ in 0..3 {
            assert!(subscription.recv().await.is_none(), "{overflow:?}");
            assert_eq!(subscription.try_recv().unwrap_err(), TryRecvError::Closed);
        }
    }
    // Who waits is told.
    let mut subscription = pubsub.subscribe("a").await.unwrap();
    assert_eq!(subscription.try_recv().unwrap_err(), TryRecvError::Empty);
    let waiting = tokio::spawn(async move { subscription.recv().await.is_none() });
    tokio::task::yield_now().await;
    pubsub.close().await.unwrap();
    assert!(within(waiting).await.unwrap());
}

#[tokio::test]
async fn new_calls_fail_and_closing_again_does_not() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut state = pubsub.state();
    assert_eq!(state.current(), ConnectionState::Connected);
    assert!(state.wait_connected().await);
    pubsub.close().await.unwrap();
    pubsub.close().await.unwrap();
    assert_eq!(within(state.changed()).await, ConnectionState::Closed);
    assert!(!state.wait_connected().await);

    assert_eq!(pubsub.publish("a", "1", json!(0)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pubsub.try_publish("a", "1", json!(0)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pubsub.subscribe("a").await.unwrap_err().kind(), ErrorKind::Closed);
    let listener = Arc::new(|_: &Event| {});
    let added = target.add_event_listener(interest("a"), listener).await;
    assert_eq!(added.unwrap_err().kind(), ErrorKind::Closed);
    assert!(!Error::closed().is_retryable());
}

/// An upstream that takes its time to close.
struct Slow {
    flushed: Arc<Notify>,
    closed: Arc<AtomicUsize>,
}

impl Upstream for Slow {
    fn publish(&self, _: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(Ok(Published::exact(0)))
    }

    fn try_publish(&self, _: Event) -> Result<Published, Error> {
        Ok(Published::exact(0))
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.closed.fetch_add(1, Ordering::SeqCst);
        let flushed = self.flushed.clone();
        TargetFuture::boxed(async move {
            flushed.notified().await;
            Err(Error::new(ErrorKind::Timeout, "not all of it"))
        })
    }
}

fn slow() -> (RoutedEventTarget<Slow>, Arc<Notify>, Arc<AtomicUsize>) {
    let (flushed, closed) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let slow = Slow { flushed: flushed.clone(), closed: closed.clone() };
    (RoutedEventTarget::new(|_| slow), flushed, closed)
}

#[tokio::test]
async fn while_it_flushes_nothing_new_is_taken_and_the_upstream_is_closed_once() {
    let (target, flushed, closed) = slow();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut subscription = pubsub.subscribe("a").await.unwrap();
    let mut first = target.close();
    let mut second = target.close();
    assert_eq!(pubsub.try_publish("a", "1", json!(0)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pubsub.subscribe("b").await.unwrap_err().kind(), ErrorKind::Closed);
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(subscription.try_recv().unwrap_err(), TryRecvError::Empty, "not yet");

    flushed.notify_one();
    assert_eq!(within(first).await.unwrap_err().kind(), ErrorKind::Timeout);
    within(second).await.unwrap();
    assert!(subscription.recv().await.is_none(), "closed all the same");
    within(target.close()).await.unwrap();
    assert_eq!(closed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn giving_up_on_a_close_closes_without_waiting() {
    let (target, ..) = slow();
    let mut subscription = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.unwrap();
    drop(target.close());
    assert!(subscription.recv().await.is_none());
    within(target.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_racing_subscribe_ends_or_fails() {
    for _ in 0..500 {
        let target = InProcessEventTarget::in_process();
        let subscribers: Vec<_> = ["a:1", "a", "*"]
            .map(|to| {
                let pubsub = PubSub::<Dynamic>::new(target.clone());
                tokio::spawn(async move {
                    let subscribe = match to {
                        "a:1" => pubsub.subscribe_to("a", "1"),
                        "a" => pubsub.subscribe("a"),
                        _ => pubsub.subscribe_all(),
                    };
                    match subscribe.await {
                        Ok(mut subscription) => while subscription.recv().await.is_some() {},
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
                    }
                })
            })
            .into();
        let publisher = tokio::spawn({
            let target = target.clone();
            async move { while target.dispatch_event(event("a:1", 0)).await.is_ok() {} }
        });
        target.close().await.unwrap();
        for task in subscribers.into_iter().chain([publisher]) {
            within(task).await.unwrap();
        }
    }
}

#[derive(Default)]
struct Told {
    events: AtomicUsize,
    closed: AtomicUsize,
}

impl EventListener for Told {
    fn on_event(&self, _: &Event) {
        assert_eq!(self.closed.load(Ordering::SeqCst), 0, "nothing follows the end");
        self.events.fetch_add(1, Ordering::SeqCst);
    }

    fn on_close(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn listeners_are_told_once_and_let_go() {
    let target = InProcessEventTarget::in_process();
    let told = Arc::new(Told::default());
    let guard = now(target.add_event_listener(interest("a:1"), told.clone()));
    let detached = now(target.add_event_listener(interest("*"), told.clone())).detach();
    target.try_dispatch_event(event("a:1", 0)).unwrap();
    now(target.close());
    now(target.close());
    assert_eq!((told.events.load(Ordering::SeqCst), told.closed.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(Arc::strong_count(&told), 1, "what was told of the end is not kept");
    drop(guard);
    assert!(!target.remove_event_listener(detached));
}

/// A listener that closes the target: the end comes after the event, not within it.
#[test]
fn a_listener_may_close_its_target() {
    let target = InProcessEventTarget::in_process();
    let told = Arc::new(Told::default());
    let _told = now(target.add_event_listener(interest("a"), told.clone()));
    let closer = target.clone();
    let _closer =
        now(target.add_event_listener(interest("a"), Arc::new(move |_: &Event| now(closer.close()))));
    assert_eq!(target.try_dispatch_event(event("a:1", 0)).unwrap().known_receivers(), Some(2));
    assert_eq!((told.events.load(Ordering::SeqCst), told.closed.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn gaps_are_handed_out_before_the_end() {
    let target = support::Wire::target();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut subscription = pubsub.subscribe("a").await.unwrap().with_gaps();
    let gap = Gap::new(GapReason::Reconnected, None);
    target.upstream().router().report_gap(None, gap);
    pubsub.close().await.unwrap();
    assert_eq!(subscription.recv().await, Some(Delivery::Gap(gap)));
    assert_eq!(subscription.recv().await, None);
}

#[test]
fn what_nobody_can_be_told_is_refused() {
    let target = InProcessEventTarget::in_process();
    for bounds in [Bounds::default().events(0), Bounds::default().bytes(0)] {
        let refused = target.subscribe_raw(interest("a"), bounds).try_ready().unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
    assert_eq!(target.stats().interests, 0);
    drop(subscribe(&target, "a"));
}
