//! Promise 1: active means active.

use std::sync::Arc;

use alk_pubsub_core::{Event, Interest, Subscription};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::kit::Kit;
use crate::numbers::{NUMBER, done, next, number, publish, publish_all, subscribed, take};

pub(super) async fn what_is_published_after_subscribe_is_received(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    for round in 0..50 {
        let id = format!("round-{round}");
        let first = round * 3;
        let mut of_topic = subscribed(subscribing.subscribe_to(NUMBER, &id)).await;
        publish(&publishing, &id, first).await;
        comes(&mut of_topic, first).await;
        let mut of_type = subscribed(subscribing.subscribe(NUMBER)).await;
        publish(&publishing, &id, first + 1).await;
        comes(&mut of_type, first + 1).await;
        let mut of_all = subscribed(subscribing.subscribe_all()).await;
        publish(&publishing, &id, first + 2).await;
        comes(&mut of_all, first + 2).await;
    }
}

/// What was published before the subscription may still be on its way, in a cluster for example. It is not promised, and
/// not forbidden.
async fn comes(subscription: &mut Subscription<Value>, published: u64) {
    loop {
        let number = next(subscription).await;
        assert!(number <= published, "{number} was not published yet");
        if number == published {
            return;
        }
    }
}

pub(super) async fn events_wait_before_the_first_poll(kit: Kit) {
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    publish_all(&kit.publishing(), "1", 0..100).await;
    assert_eq!(take(&mut subscription, 100).await, (0..100).collect::<Vec<_>>());
}

pub(super) async fn listeners_hear_what_is_published_after_they_were_added(kit: Kit) {
    let interests = ["number:1", "number", "*"].map(|text| text.parse::<Interest>().expect("an interest"));
    for (first, interest) in (0..).step_by(10).zip(interests) {
        let (heard, mut hears) = mpsc::channel(100);
        let listener = Arc::new(move |event: &Event| {
            let event = event.decode::<Value>().expect("a value");
            let _ = heard.try_send(event.payload().as_u64());
        });
        let _guard = done(kit.subscriber().add_event_listener(interest, listener)).await;
        for value in first..first + 10 {
            done(kit.publisher().dispatch_event(number("1", value))).await;
        }
        let mut heard = Vec::new();
        while heard.last() != Some(&(first + 9)) {
            heard.push(Kit::within(hears.recv()).await.flatten().expect("a number"));
        }
        // What was published before it was added may still have been on its way.
        heard.retain(|value| *value >= first);
        assert_eq!(heard, (first..first + 10).collect::<Vec<_>>());
    }
}

pub(super) async fn a_second_subscriber_is_active_as_the_first_is(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    let mut first = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    publish(&publishing, "1", 1).await;
    let mut second = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    publish(&publishing, "1", 2).await;
    assert_eq!(take(&mut first, 2).await, [1, 2]);
    // The first event may still have been on its way.
    let seen = next(&mut second).await;
    assert!(seen == 2 || next(&mut second).await == 2);
}

pub(super) async fn a_topic_hears_its_id_a_type_every_id_and_everything_all(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    let mut of_topic = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    let mut of_type = subscribed(subscribing.subscribe(NUMBER)).await;
    let mut of_longer_type = subscribed(subscribing.subscribe("number.long")).await;
    let mut of_all = subscribed(subscribing.subscribe_all()).await;
    let sent =
        [(NUMBER, "1"), (NUMBER, "2"), ("number.long", "1"), ("num", "1"), (NUMBER, "11"), (NUMBER, "1")];
    for (value, (event_type, id)) in sent.into_iter().enumerate() {
        Kit::within(publishing.publish(event_type, id, json!(value))).await.expect("published");
    }
    assert_eq!(take(&mut of_topic, 2).await, [0, 5]);
    // There is no order across topics.
    let sorted = |mut numbers: Vec<u64>| {
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(sorted(take(&mut of_type, 4).await), [0, 1, 4, 5]);
    assert_eq!(take(&mut of_longer_type, 1).await, [2]);
    assert_eq!(sorted(take(&mut of_all, 6).await), [0, 1, 2, 3, 4, 5]);
}

/// Ids that mean something to a transport: separators, patterns, escapes, nothing at all.
pub(super) async fn any_id_is_told_from_any_other(kit: Kit) {
    let longest = "i".repeat(256);
    let ids = [
        "", "1", ":", "1:", ":1", "a:b:c", "*", "**", "?", "[a]", "[^a]", "\\", "\\*", "{1}", "'\"", " ",
        "a b", "é", "日本", "😀", "/", "..", "%2A", "$1", "#", ">", "\u{a0}", "\u{200b}", &longest,
    ];
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    let mut subscriptions = Vec::new();
    for id in ids {
        subscriptions.push(subscribed(subscribing.subscribe_to(NUMBER, id)).await);
    }
    for (at, id) in ids.into_iter().enumerate() {
        publish(&publishing, id, at as u64).await;
    }
    for id in ids {
        publish(&publishing, id, 1000).await;
    }
    for (at, (subscription, id)) in subscriptions.iter_mut().zip(ids).enumerate() {
        let event = Kit::within(subscription.recv()).await.expect("open");
        assert_eq!((event.id(), event.payload()), (id, &json!(at)));
        // Had another id been taken for this one, there would be more.
        assert_eq!(next(subscription).await, 1000, "of `{id}`");
    }
}
