//! Operators over live subscriptions: what they let go of is unsubscribed, what they are given passes.

use std::time::Duration;

use alk_pubsub_core::operators::{
    GroupLimits, StreamPipe, batch, chain, dedupe, dedupe_by, filter, flat, group_by, join, map, reduce,
    take, to_array, window, window_time,
};
use alk_pubsub_core::{Delivery, Dynamic, EventEnvelope, PubSub};
use futures_util::StreamExt;
use serde_json::Value;

type Tick = EventEnvelope<Value>;

#[tokio::test]
async fn take_unsubscribes_with_its_last_event() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let mut two = pubsub.subscribe("tick").await.unwrap().pipe(take(2));
    for n in 0..2 {
        assert_eq!(pubsub.stats().subscribers, 1);
        pubsub.publish("tick", "", n.into()).await.unwrap();
        assert_eq!(two.next().await.unwrap().payload(), &Value::from(n));
    }
    assert_eq!(pubsub.stats().subscribers, 0, "with the second event, not with the end of the stream");
    assert_eq!(pubsub.stats().interests, 0);
}

#[tokio::test]
async fn dropping_any_adapter_unsubscribes() {
    let pubsub = PubSub::<Dynamic>::in_process();
    macro_rules! dropped {
        ($($operator:expr),* $(,)?) => {$({
            let adapter = pubsub.subscribe("tick").await.unwrap().pipe($operator);
            assert_eq!(pubsub.stats().subscribers, 1, stringify!($operator));
            drop(adapter);
            assert_eq!(pubsub.stats().subscribers, 0, stringify!($operator));
        })*};
    }
    dropped!(
        filter(|_: &Tick| true),
        map(|tick: Tick| tick),
        take(3),
        reduce(0, |sum: i32, _: Tick| sum + 1),
        to_array(),
        batch(2, Duration::from_secs(1)),
        dedupe_by(8, |tick: &Tick| tick.id().to_owned()),
        window(2, 1),
        window_time(Duration::from_secs(1)),
        group_by(|tick: &Tick| tick.id().to_owned(), GroupLimits::default()),
        chain(futures_util::stream::empty::<Tick>()),
        join(futures_util::stream::empty::<Tick>()),
        (map(|tick: Tick| vec![tick.id().to_owned()]), flat(), dedupe(4)),
    );
}

#[tokio::test]
async fn gaps_pass_as_ordinary_items() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let ticks = pubsub.subscribe("tick").capacity(2).await.unwrap().with_gaps();
    for n in 0..5 {
        pubsub.publish("tick", "", n.into()).await.unwrap();
    }
    pubsub.close().await.unwrap();
    let batches: Vec<Vec<Delivery<Value>>> =
        ticks.pipe(filter(|_: &Delivery<Value>| true)).pipe(window(2, 2)).pipe(to_array()).await;
    let shown: Vec<String> = batches
        .into_iter()
        .flatten()
        .map(|item| match item {
            Delivery::Gap(gap) => format!("gap of {}", gap.missed().unwrap()),
            Delivery::Event(event) => event.payload().to_string(),
        })
        .collect();
    assert_eq!(shown, ["gap of 3", "3", "4"]);
}
