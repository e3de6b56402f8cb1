//! What ends for good does not end in silence.

use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Dynamic, Error, ErrorKind, EventTarget, PubSub, Subscription};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::support::{Script, TestHub, next, reaches, within};
use crate::ErrorKind as PipeErrorKind;
use crate::spoke::{LinkEventTarget, Reconnect, SpokeOptions};

fn options() -> SpokeOptions {
    SpokeOptions::default()
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_and_the_shortest_ones_end_no_link() {
    let (zero, max) = (Duration::ZERO, Duration::MAX);
    let longest = options()
        .connect_timeout(max)
        .heartbeat(max, max)
        .subscribe_timeout(max)
        .publish_timeout(max)
        .close_timeout(max)
        .reconnect(Reconnect::default().min_delay(max).max_delay(max));
    let (target, mut hub) = Script::new(longest);
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    PubSub::<Dynamic>::new(target).close().await.expect("nothing was lost");

    let spinning = options().reconnect(Reconnect::default().min_delay(zero).max_delay(zero));
    let (target, mut hub) = Script::new(spinning);
    let begin = Instant::now();
    for _ in 0..200 {
        hub.connection().await;
        hub.hang_up();
    }
    assert!(begin.elapsed() >= Duration::from_millis(50), "{:?}", begin.elapsed());
    assert_ne!(target.state().current(), ConnectionState::Closed);
}

/// It hands out these payloads, ends, and says why.
async fn ends(mut subscription: Subscription<Value>, held: &[Value]) -> Error {
    let mut seen = Vec::new();
    while let Some(event) = within("the end", subscription.recv()).await {
        seen.push(event.payload().clone());
    }
    assert_eq!(seen, held);
    subscription.ended_by().expect("a reason")
}

/// A scripted hub with one subscription that is granted, and holds one event.
async fn subscribed(options: SpokeOptions) -> (LinkEventTarget, Script, Subscription<Value>) {
    let (target, mut hub) = Script::new(options);
    hub.connection().await;
    hub.welcomes();
    let subscription = subscribes(&target, &mut hub, "a").await;
    hub.says(&json!({"type": "a", "id": "", "payload": "held"}));
    (target, hub, subscription)
}

async fn subscribes(
    target: &LinkEventTarget,
    hub: &mut Script,
    interest: &'static str,
) -> Subscription<Value> {
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let subscribing = tokio::spawn(async move { spoke.subscribe(interest).await });
    hub.grants().await;
    within("granted", subscribing).await.expect("no panic").expect("granted")
}

#[tokio::test(start_paused = true)]
async fn a_link_that_ends_for_good_ends_its_subscriptions_with_the_reason() {
    // The hub sends it away.
    let (target, mut hub, subscription) = subscribed(options()).await;
    hub.says(&json!({"type": "__close", "payload": {"reason": "too many bad frames", "reconnect": false}}));
    let error = ends(subscription, &[json!("held")]).await;
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.to_string().contains("too many bad frames"), "{error}");
    let later = PubSub::<Dynamic>::new(target).subscribe("b").await.map(drop);
    assert_eq!(later.map_err(|error| error.to_string()), Err(error.to_string()));

    // Its token has expired, and there is no other.
    let (_target, mut hub, subscription) = subscribed(options()).await;
    hub.says(&json!({"type": "__close", "payload": {"reason": "expired", "reconnect": false}}));
    assert_eq!(ends(subscription, &[json!("held")]).await.kind(), ErrorKind::Denied);

    // It comes back with another protocol.
    let (_target, mut hub, subscription) = subscribed(options()).await;
    hub.connection().await;
    hub.says(&json!({"type": "__welcome", "id": "c", "payload":
        {"protocol": 2, "heartbeat_ms": 1, "max_frame_bytes": 4096, "max_topics": 1}}));
    assert_eq!(ends(subscription, &[json!("held")]).await.kind(), ErrorKind::Upstream);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_refuses_or_cannot_be_reached_ends_subscriptions_as_well() {
    for (refusal, attempts, kind) in [
        (PipeErrorKind::Refused, None, ErrorKind::Denied),
        (PipeErrorKind::Io, Some(3), ErrorKind::Disconnected),
    ] {
        let hub = TestHub::new();
        let reconnect = Reconnect::default();
        let reconnect = attempts.map_or(reconnect, |attempts| reconnect.max_attempts(attempts));
        let target = hub.spoke(options().reconnect(reconnect));
        let spoke = PubSub::<Dynamic>::new(target.clone());
        let subscriptions =
            [spoke.subscribe("a").await.expect("granted"), spoke.subscribe_all().await.expect("granted")];
        hub.pubsub().publish("a", "", json!(1)).await.expect("published");
        while subscriptions.iter().any(Subscription::is_empty) {
            tokio::task::yield_now().await;
        }
        hub.refuse(refusal);
        hub.cut();
        for subscription in subscriptions {
            assert_eq!(ends(subscription, &[json!(1)]).await.kind(), kind);
        }
        assert_eq!(target.state().current(), ConnectionState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_is_no_error() {
    let hub = TestHub::new();
    let spoke = PubSub::<Dynamic>::new(hub.spoke(options()));
    let mut subscription = spoke.subscribe("a").await.expect("granted");
    within("closed", spoke.close()).await.expect("closed");
    assert!(within("the end", subscription.recv()).await.is_none());
    assert!(subscription.ended_by().is_none());
}

#[test]
fn a_runtime_that_goes_away_ends_subscriptions() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_target, _hub, subscription) = runtime.block_on(subscribed(options()));
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // Whether the event was read before is up to the runtime.
    let mut subscription = subscription;
    let error = other.block_on(async {
        while within("the end", subscription.recv()).await.is_some() {}
        subscription.ended_by().expect("a reason")
    });
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn one_interest_that_the_hub_takes_back_ends_alone() {
    let (target, mut hub, subscription) = subscribed(options()).await;
    let mut other = subscribes(&target, &mut hub, "b").await;
    let second = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.expect("granted at once");
    hub.says(&json!({"type": "__error", "id": "", "payload":
        {"code": "forbidden", "message": "not any more", "topic": "a"}}));
    let error = ends(subscription, &[json!("held")]).await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("not any more"), "{error}");
    assert_eq!(ends(second, &[]).await.kind(), ErrorKind::Denied);
    hub.says(&json!({"type": "b", "id": "", "payload": 1}));
    assert_eq!(next(&mut other).await, json!(1));
    // Who asks again is granted it, or not, as anybody else.
    let mut again = subscribes(&target, &mut hub, "a").await;
    hub.says(&json!({"type": "a", "id": "", "payload": 2}));
    assert_eq!(next(&mut again).await, json!(2));
    drop(again);
    assert_eq!(hub.hears().await["type"], "__unsubscribe", "the ended ones were not taken back again");
}

#[tokio::test(start_paused = true)]
async fn an_interest_that_is_refused_after_a_reconnect_ends_alone() {
    let (target, mut hub, subscription) = subscribed(options()).await;
    let mut other = subscribes(&target, &mut hub, "b").await;
    hub.connection().await;
    hub.welcomes();
    let asked = hub.hears().await;
    assert_eq!(asked["payload"]["topics"], json!(["a", "b"]));
    hub.says(&json!({"type": "__error", "id": asked["id"], "payload":
        {"code": "forbidden", "message": "no", "topic": "a"}}));
    hub.says(&json!({"type": "__subscribed", "id": asked["id"], "payload": {"topics": ["b"]}}));
    assert_eq!(ends(subscription, &[json!("held")]).await.kind(), ErrorKind::Denied);
    reaches(&target, ConnectionState::Connected).await;
    hub.says(&json!({"type": "b", "id": "", "payload": 1}));
    assert_eq!(next(&mut other).await, json!(1));
}

#[tokio::test(start_paused = true)]
async fn an_interest_that_the_hub_cannot_serve_now_is_waited_for_after_a_reconnect() {
    let (_target, mut hub, subscription) = subscribed(options()).await;
    hub.connection().await;
    hub.welcomes();
    for _ in 0..3 {
        let asked = hub.hears().await;
        hub.says(&json!({"type": "__error", "id": asked["id"], "payload":
            {"code": "unavailable", "message": "Redis is away", "topic": "a"}}));
    }
    hub.grants().await;
    hub.says(&json!({"type": "a", "id": "", "payload": "after"}));
    let mut subscription = subscription;
    assert_eq!(next(&mut subscription).await, json!("held"));
    assert_eq!(next(&mut subscription).await, json!("after"));
}
