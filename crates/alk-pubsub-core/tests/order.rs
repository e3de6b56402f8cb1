//! Order and completeness with many publishers, subscribers and threads.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use alk_pubsub_core::{
    Bounds, Delivery, Dynamic, EventTarget, InProcessEventTarget, Overflow, PubSub, Receivers, Subscription,
    event_map,
};
use serde_json::{Value, json};

use support::{event, interest, now, within};

event_map! {
    struct Events {
        Counted("counted") => (u64, u64),
    }
}

const PUBLISHERS: u64 = 4;
const EVENTS: u64 = 5_000;
const TOPICS: [&str; 3] = ["x", "y", ""];

type Seen = Vec<(String, (u64, u64))>;

async fn read_all(mut subscription: Subscription<(u64, u64)>) -> Seen {
    let mut seen = Vec::new();
    while let Some(event) = subscription.recv().await {
        seen.push((event.id().to_owned(), *event.payload()));
    }
    seen
}

fn of(seen: &Seen, id: &str) -> Vec<(u64, u64)> {
    seen.iter().filter(|(topic, _)| topic == id).map(|(_, number)| *number).collect()
}

/// Several publishers on several topics; subscribers of a topic, of the type and of everything. Nobody loses anything, one
/// publisher's events come in its order, and all subscribers of a topic see one and the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn all_subscribers_of_a_topic_see_one_order() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Events>::new(target.clone());
    let bounds = Bounds::default().events(64).overflow(Overflow::Block);
    let mut readers = Vec::new();
    for id in TOPICS {
        for _ in 0..2 {
            readers.push((Some(id), pubsub.subscribe_to(Counted, id).bounds(bounds).await.unwrap()));
        }
    }
    readers.push((None, pubsub.subscribe(Counted).bounds(bounds).await.unwrap()));
    // Far behind all the time, and complete all the same.
    let patient = Bounds::default().events(1 << 20);
    readers.push((None, pubsub.subscribe(Counted).bounds(patient).await.unwrap()));
    let mut everything = PubSub::<Dynamic>::new(target).subscribe_all().bounds(bounds).await.unwrap();

    let readers: Vec<_> =
        readers.into_iter().map(|(id, subscription)| (id, tokio::spawn(read_all(subscription)))).collect();
    let everything = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(event) = everything.recv().await {
            let number = serde_json::from_value(event.payload().clone()).unwrap();
            seen.push((event.id().to_owned(), number));
        }
        seen
    });
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let pubsub = pubsub.clone();
            tokio::spawn(async move {
                for number in 0..EVENTS {
                    let id = TOPICS[(number % 3) as usize];
                    let published = pubsub.publish(Counted, id, (publisher, number)).await.unwrap();
                    assert_eq!(published.receivers, Receivers::Exact(5));
                }
            })
        })
        .collect();
    for publisher in publishers {
        within(publisher).await.unwrap();
    }
    pubsub.close().await.unwrap();

    let all = within(everything).await.unwrap();
    assert_eq!(all.len() as u64, PUBLISHERS * EVENTS);
    for id in TOPICS {
        let mut next = HashMap::new();
        for (publisher, number) in of(&all, id) {
            let next = next.entry(publisher).or_insert(None::<u64>);
            assert!(*next < Some(number), "publisher {publisher} on `{id}`: {number} after {next:?}");
            *next = Some(number);
        }
    }
    for (id, reader) in readers {
        let seen = within(reader).await.unwrap();
        for topic in TOPICS.into_iter().filter(|topic| id.is_none_or(|id| id == *topic)) {
            assert!(of(&seen, topic) == of(&all, topic), "two orders on `{topic}`");
        }
    }
}

/// Once it is subscribed, what is published afterwards is received, whatever comes and goes beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn subscribed_means_subscribed_however_many_come_and_go() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let published = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let publisher = tokio::spawn({
        let (pubsub, published, over) = (pubsub.clone(), published.clone(), over.clone());
        async move {
            while !over.load(Ordering::SeqCst) {
                let number = published.load(Ordering::SeqCst);
                pubsub.publish("a", "1", json!(number)).await.unwrap();
                published.store(number + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let subscribers: Vec<_> = (0..3)
        .map(|which| {
            let (pubsub, published) = (pubsub.clone(), published.clone());
            tokio::spawn(async move {
                for _ in 0..3_000 {
                    let mut subscription = match which {
                        0 => pubsub.subscribe_to("a", "1").await.unwrap(),
                        1 => pubsub.subscribe("a").await.unwrap(),
                        _ => pubsub.subscribe_all().await.unwrap(),
                    };
                    // The one that is being published now may be in or not; the next one is.
                    let next = published.load(Ordering::SeqCst) + 1;
                    let first = within(subscription.recv()).await.unwrap().payload().as_u64().unwrap();
                    assert!(first <= next, "{first} is the first, {next} is missing");
                }
            })
        })
        .collect();
    for subscriber in subscribers {
        within(subscriber).await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    within(publisher).await.unwrap();
    assert_eq!((pubsub.stats().interests, pubsub.stats().subscribers), (0, 0));
}

/// First and last of an interest are told apart on every thread: whoever is left in the end still hears.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_subscribe_and_unsubscribe_converge() {
    let target = InProcessEventTarget::in_process();
    for round in 0..300 {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let target = target.clone();
                tokio::spawn(async move {
                    let mut kept = None;
                    for _ in 0..10 {
                        for to in ["a:1", "a", "*"] {
                            let subscription = now(target.subscribe_raw(interest(to), Bounds::default()));
                            if task == 0 && to == "a:1" {
                                kept = Some(subscription);
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                    kept
                })
            })
            .collect();
        let mut kept = Vec::new();
        for task in tasks {
            kept.extend(within(task).await.unwrap());
        }
        assert_eq!(target.interests(10), [(interest("a:1"), 1)]);
        assert_eq!(target.try_dispatch_event(event("a:1", round)).unwrap().known_receivers(), Some(1));
        assert_eq!(kept[0].len(), 1);
    }
}

/// What lags and what it missed is all that was published, on every thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_is_received_and_what_is_missed_is_what_was_published() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let mut readers = Vec::new();
    for events in [1, 2, 7, 64, 500] {
        let mut subscription = pubsub.subscribe_to("a", "1").capacity(events).await.unwrap().with_gaps();
        readers.push(tokio::spawn(async move {
            let (mut received, mut missed, mut next) = (0, 0, 0);
            while let Some(delivery) = subscription.recv().await {
                match delivery {
                    Delivery::Event(event) => {
                        assert_eq!(event.payload(), &Value::from(next));
                        (received, next) = (received + 1, next + 1);
                    }
                    Delivery::Gap(gap) => {
                        // At the exact place: what follows is what comes behind what was missed.
                        missed += gap.missed().unwrap();
                        next += gap.missed().unwrap();
                    }
                }
            }
            assert_eq!(subscription.subscription().missed(), missed);
            (received, missed)
        }));
    }
    for number in 0..50_000u64 {
        pubsub.publish("a", "1", json!(number)).await.unwrap();
        if number % 300 == 0 {
            tokio::task::yield_now().await;
        }
    }
    pubsub.close().await.unwrap();
    let mut missed_by_all = 0;
    for reader in readers {
        let (received, missed): (u64, u64) = within(reader).await.unwrap();
        assert_eq!(received + missed, 50_000);
        missed_by_all += missed;
    }
    assert_eq!(pubsub.stats().missed, missed_by_all);
}

/// Publishes that one task begins one after the other and awaits together: they are in that order, also where they are more
/// than a task may do before others have their turn.
#[tokio::test]
async fn publishes_that_are_under_way_together_stay_in_their_order() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let bounds = Bounds::default().events(4_096);
    let mut events = pubsub.subscribe("a").bounds(bounds).await.unwrap();
    let publisher = pubsub.publisher("a", "1").unwrap();
    let numbers = 0..1_000_u64;
    within(futures_util::future::join_all(numbers.clone().map(|number| publisher.publish(number.into()))))
        .await;
    for number in numbers {
        assert_eq!(events.recv().await.unwrap().payload(), &json!(number));
    }
}
