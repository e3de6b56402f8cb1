//! Promise 10: close.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alk_pubsub_core::{ConnectionState, ErrorKind, Event, EventListener, Interest, Overflow};
use serde_json::json;

use crate::kit::Kit;
use crate::numbers::{NUMBER, done, number, publish_all, subscribed, take};

pub(super) async fn subscriptions_hand_out_what_they_hold_and_end(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut subscriptions = Vec::new();
    for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Close] {
        subscriptions.push(subscribed(subscribing.subscribe_to(NUMBER, "1").overflow(overflow)).await);
    }
    let mut waiting = subscribed(subscribing.subscribe("other")).await;
    let waiting = tokio::spawn(async move { waiting.recv().await.is_none() });
    let mut witness = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    publish_all(&kit.publishing(), "1", 0..10).await;
    assert_eq!(take(&mut witness, 10).await, (0..10).collect::<Vec<_>>());

    done(kit.subscriber().close()).await;
    for subscription in &mut subscriptions {
        assert_eq!(take(subscription, 10).await, (0..10).collect::<Vec<_>>());
        assert!(Kit::within(subscription.recv()).await.is_none());
        assert!(Kit::within(subscription.recv()).await.is_none(), "the end is the end");
    }
    assert!(Kit::within(waiting).await.expect("a task"), "who waits is told");
}

/// What was called for before the close is done, and answered as such, though nobody has waited for it.
pub(super) async fn what_was_published_before_is_sent(kit: Kit) {
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    let waiting: Vec<_> = (0..100).map(|value| kit.publisher().dispatch_event(number("1", value))).collect();
    done(kit.publisher().close()).await;
    for dispatch in waiting {
        done(dispatch).await;
    }
    // Who closes the target that it listens on may hear the end before what was on its way there and back.
    if !kit.is_one_target() {
        assert_eq!(take(&mut subscription, 100).await, (0..100).collect::<Vec<_>>());
        assert_eq!(subscription.missed(), 0);
    }
}

pub(super) async fn closing_twice_is_fine(kit: Kit) {
    let target = kit.subscriber();
    let (first, second) = (target.close(), target.close());
    // Neither drives the other.
    let (first, second) = Kit::within(futures_util::future::join(first, second)).await;
    first.expect("closed");
    second.expect("closed");
    done(target.close()).await;
}

pub(super) async fn new_calls_fail_with_closed(kit: Kit) {
    let subscribing = kit.subscribing();
    let subscription = subscribed(subscribing.subscribe(NUMBER)).await;
    done(kit.subscriber().close()).await;
    let published = Kit::within(subscribing.publish(NUMBER, "1", json!(1))).await;
    assert_eq!(published.expect_err("closed").kind(), ErrorKind::Closed);
    let published = subscribing.try_publish(NUMBER, "1", json!(1));
    assert_eq!(published.expect_err("closed").kind(), ErrorKind::Closed);
    let refused = Kit::within(subscribing.subscribe(NUMBER)).await;
    assert_eq!(refused.expect_err("closed").kind(), ErrorKind::Closed);
    let added = kit.subscriber().add_event_listener(Interest::Everything, Arc::new(|_: &Event| {}));
    assert_eq!(Kit::within(added).await.expect_err("closed").kind(), ErrorKind::Closed);
    drop(subscription);
}

#[derive(Default)]
struct Told(AtomicU64);

impl EventListener for Told {
    fn on_event(&self, _: &Event) {}

    fn on_close(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) async fn listeners_are_told_once(kit: Kit) {
    let told = Arc::new(Told::default());
    let guard = done(kit.subscriber().add_event_listener(Interest::Everything, told.clone())).await;
    done(kit.subscriber().close()).await;
    done(kit.subscriber().close()).await;
    Kit::until(|| told.0.load(Ordering::SeqCst) > 0).await;
    drop(guard);
    assert_eq!(told.0.load(Ordering::SeqCst), 1);
}

pub(super) async fn the_state_says_closed(kit: Kit) {
    let mut state = kit.subscriber().state();
    assert!(Kit::within(state.wait_connected()).await);
    done(kit.subscriber().close()).await;
    let mut now = state.current();
    while now != ConnectionState::Closed {
        now = Kit::within(state.changed()).await;
    }
    assert!(!Kit::within(state.wait_connected()).await);
}
