//! Promise 11: what a lost connection does, and what it must not do.

use std::time::{Duration, Instant};

use alk_pubsub_core::{ErrorKind, Gap, GapReason, WithGaps};
use serde_json::{Value, json};

use crate::kit::Kit;
use crate::numbers::{NUMBER, next, number_of, publish, subscribed};

/// More than any call takes that does not wait, on a machine that has other things to do; less than any transport waits for an
/// answer.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn subscribe(kit: &Kit, id: &str) -> WithGaps<Value> {
    subscribed(kit.subscribing().subscribe_to(NUMBER, id)).await.with_gaps()
}

async fn read(subscription: &mut WithGaps<Value>) -> Result<u64, Gap> {
    number_of(Kit::within(subscription.recv()).await.expect("open"))
}

fn is_reconnect(read: Result<u64, Gap>) -> bool {
    matches!(read, Err(gap) if gap.reason() == GapReason::Reconnected)
}

/// Idle topics included, and before any newer event.
pub(super) async fn a_reconnect_is_a_gap_in_every_subscription(kit: Kit) {
    let mut busy = subscribe(&kit, "busy").await;
    let mut idle = subscribe(&kit, "idle").await;
    let mut of_type = subscribed(kit.subscribing().subscribe(NUMBER)).await.with_gaps();
    publish(&kit.publishing(), "busy", 1).await;
    assert_eq!(read(&mut busy).await, Ok(1));
    assert_eq!(read(&mut of_type).await, Ok(1));
    kit.disconnect().await;
    kit.reconnect().await;
    publish(&kit.publishing(), "busy", 2).await;
    for subscription in [&mut busy, &mut idle, &mut of_type] {
        assert!(is_reconnect(read(subscription).await));
    }
    assert_eq!(read(&mut busy).await, Ok(2));
    assert_eq!(read(&mut of_type).await, Ok(2));
}

/// However many interests there are.
pub(super) async fn what_is_published_after_a_reconnect_is_received(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut subscriptions = Vec::new();
    for id in 0..100 {
        subscriptions.push(subscribed(subscribing.subscribe_to(NUMBER, id.to_string())).await);
    }
    kit.disconnect().await;
    kit.reconnect().await;
    for id in 0..100 {
        publish(&kit.publishing(), &id.to_string(), id).await;
    }
    for (subscription, number) in subscriptions.iter_mut().zip(0..) {
        assert_eq!(next(subscription).await, number);
    }
}

pub(super) async fn what_came_and_went_meanwhile_is_as_it_is_wanted(kit: Kit) {
    let gone = subscribe(&kit, "gone").await;
    let mut stays = subscribe(&kit, "stays").await;
    kit.disconnect().await;
    drop(gone);
    let subscribing = kit.subscribing();
    let new = tokio::spawn(async move { subscribing.subscribe_to(NUMBER, "new").await });
    tokio::task::yield_now().await;
    kit.reconnect().await;
    let mut new = Kit::within(new).await.expect("a task").expect("subscribed");
    publish(&kit.publishing(), "gone", 1).await;
    publish(&kit.publishing(), "new", 2).await;
    publish(&kit.publishing(), "stays", 3).await;
    assert_eq!(next(&mut new).await, 2);
    assert!(is_reconnect(read(&mut stays).await));
    assert_eq!(read(&mut stays).await, Ok(3));
}

pub(super) async fn a_second_loss_is_a_second_gap(kit: Kit) {
    let mut subscription = subscribe(&kit, "1").await;
    for round in 0..3 {
        kit.disconnect().await;
        kit.reconnect().await;
        publish(&kit.publishing(), "1", round).await;
        assert!(is_reconnect(read(&mut subscription).await));
        assert_eq!(read(&mut subscription).await, Ok(round));
    }
}

pub(super) async fn publishing_without_a_connection_fails_at_once(kit: Kit) {
    kit.disconnect().await;
    let subscribing = kit.subscribing();
    // A target may notice the loss a little later, one of its connections after the other.
    Kit::until(|| subscribing.try_publish(NUMBER, "1", json!(1)).is_err()).await;
    let begun = Instant::now();
    let refused = Kit::within(subscribing.publish(NUMBER, "1", json!(1))).await;
    assert_eq!(refused.expect_err("there is no connection").kind(), ErrorKind::Disconnected);
    let refused = subscribing.try_publish(NUMBER, "1", json!(1));
    assert_eq!(refused.expect_err("there is no connection").kind(), ErrorKind::Disconnected);
    assert!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
    kit.reconnect().await;
    publish(&subscribing, "1", 2).await;
}
