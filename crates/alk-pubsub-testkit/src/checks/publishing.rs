//! Promise 9: what a publish resolves to.

use std::collections::BTreeMap;

use alk_pubsub_core::{Encoding, ErrorKind, Event, Published, Receivers};
use serde_json::{Value, json};

use crate::kit::Kit;
use crate::numbers::{NUMBER, next, publish, subscribed, take};

pub(super) async fn that_nobody_listens_is_success(kit: Kit) {
    let published = publish(&kit.publishing(), "nobody", 1).await;
    assert_ne!(published.receivers, Receivers::Exact(1));
    kit.publishing().try_publish(NUMBER, "nobody", json!(1)).expect("success");
}

pub(super) async fn the_number_of_receivers_is_exact(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    assert_eq!(publish(&publishing, "1", 0).await, Published::exact(0));
    let one = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    let _two = subscribed(subscribing.subscribe(NUMBER)).await;
    let _three = subscribed(subscribing.subscribe_all()).await;
    assert_eq!(publish(&publishing, "1", 0).await, Published::exact(3));
    assert_eq!(publish(&publishing, "2", 0).await, Published::exact(2));
    drop(one);
    assert_eq!(publish(&publishing, "1", 0).await, Published::exact(2));
}

pub(super) async fn try_publish_delivers_too(kit: Kit) {
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    for number in 0..100 {
        kit.publishing().try_publish(NUMBER, "1", json!(number)).expect("published");
    }
    assert_eq!(take(&mut subscription, 100).await, (0..100).collect::<Vec<_>>());
}

pub(super) async fn names_that_break_the_rules_are_refused(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    let mut all = subscribed(subscribing.subscribe_all()).await;
    let too_long = "i".repeat(257);
    for (event_type, id, kind) in [
        ("__subscribe", "", ErrorKind::ReservedType),
        ("", "", ErrorKind::InvalidTopic),
        ("a b", "", ErrorKind::InvalidTopic),
        ("a*", "", ErrorKind::InvalidTopic),
        ("a:b", "", ErrorKind::InvalidTopic),
        (NUMBER, "\n", ErrorKind::InvalidTopic),
        (NUMBER, &too_long, ErrorKind::InvalidTopic),
    ] {
        let refused = Kit::within(publishing.publish(event_type, id, json!(0))).await;
        assert_eq!(refused.expect_err("refused").kind(), kind);
        let refused = publishing.try_publish(event_type, id, json!(0));
        assert_eq!(refused.expect_err("refused").kind(), kind);
        let refused = Kit::within(subscribing.subscribe_to(event_type, id)).await;
        assert_eq!(refused.expect_err("refused").kind(), kind);
    }
    publish(&publishing, "1", 1).await;
    assert_eq!(next(&mut all).await, 1, "nothing came before");
}

pub(super) async fn any_payload_arrives_as_it_was(kit: Kit) {
    let payloads = [
        Value::Null,
        json!(true),
        json!(0.1),
        json!(-8.056_049_915_851_201e299),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("\u{0}\u{1f}\"\\\r\n\u{7f}\u{2028}\u{feff}😀"),
        json!([]),
        json!({}),
        json!({"type": "__gap", "id": "x", "payload": {"": [null, [[]], {"a": {"b": -1.5e-7}}]}}),
        json!("x".repeat(10_000)),
    ];
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    for payload in &payloads {
        Kit::within(kit.publishing().publish(NUMBER, "1", payload.clone())).await.expect("published");
    }
    for payload in &payloads {
        assert_eq!(Kit::within(subscription.recv()).await.expect("open").payload(), payload);
    }
}

pub(super) async fn what_cannot_be_encoded_is_refused(kit: Kit) {
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    let topic = format!("{NUMBER}:1").parse().expect("a topic");
    // Keys of a JSON object are strings.
    let event = Event::new(topic, BTreeMap::from([(vec![1], 1)]));
    let refused = Kit::within(kit.publisher().dispatch_event(event.clone())).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Encode);
    let refused = kit.publisher().try_dispatch_event(event);
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Encode);
    publish(&kit.publishing(), "1", 1).await;
    assert_eq!(next(&mut subscription).await, 1);
    assert_eq!(subscription.missed(), 0);
}

pub(super) async fn the_largest_event_arrives_and_a_larger_one_is_refused(kit: Kit) {
    let limit = kit.capabilities.event_limit().expect("the check requires a limit");
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    let topic = format!("{NUMBER}:1").parse().expect("a topic");
    let frame = Event::new(topic, String::new()).encode(&Encoding::JSON).expect("JSON").len();
    let largest = json!("x".repeat(limit - frame));
    Kit::within(kit.publishing().publish(NUMBER, "1", largest.clone())).await.expect("published");
    let larger = json!("x".repeat(limit - frame + 1));
    let refused = Kit::within(kit.publishing().publish(NUMBER, "1", larger.clone())).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::TooLarge);
    let refused = kit.publishing().try_publish(NUMBER, "1", larger);
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::TooLarge);
    publish(&kit.publishing(), "1", 1).await;
    assert_eq!(Kit::within(subscription.recv()).await.expect("open").payload(), &largest);
    assert_eq!(next(&mut subscription).await, 1);
}
