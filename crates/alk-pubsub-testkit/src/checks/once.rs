//! Promise 3: at most once.

use crate::kit::Kit;
use crate::numbers::{NUMBER, done, number, publish, publish_all, subscribed, take, take_until};

const END: u64 = 1_000_000;

pub(super) async fn an_event_comes_once_to_each_of_several_subscriptions(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut subscriptions = vec![
        subscribed(subscribing.subscribe_to(NUMBER, "1")).await,
        subscribed(subscribing.subscribe(NUMBER)).await,
        subscribed(subscribing.subscribe_all()).await,
        subscribed(subscribing.subscribe_to(NUMBER, "1")).await,
    ];
    publish_all(&kit.publishing(), "1", (0..100).chain([END])).await;
    for subscription in &mut subscriptions {
        let seen = take_until(subscription, END).await;
        assert_eq!(seen, (0..100).collect::<Vec<_>>(), "of `{}`", subscription.interest());
    }
}

pub(super) async fn an_event_comes_once_while_other_interests_come_and_go(kit: Kit) {
    let (publishing, subscribing) = (kit.publishing(), kit.subscribing());
    let mut of_topic = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    for round in 0..50 {
        publish(&publishing, "1", 10 * round).await;
        let of_type = subscribed(subscribing.subscribe(NUMBER)).await;
        publish(&publishing, "1", 10 * round + 1).await;
        let of_all = subscribed(subscribing.subscribe_all()).await;
        publish(&publishing, "1", 10 * round + 2).await;
        drop(of_type);
        publish(&publishing, "1", 10 * round + 3).await;
        drop(of_all);
    }
    publish(&publishing, "1", END).await;
    let expected: Vec<u64> = (0..50).flat_map(|round| (0..4).map(move |value| 10 * round + value)).collect();
    assert_eq!(take_until(&mut of_topic, END).await, expected);
}

/// Two events may be the same to the last byte, and even one value: they are two all the same.
pub(super) async fn an_event_that_is_published_twice_comes_twice(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut of_topic = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    let mut of_type = subscribed(subscribing.subscribe(NUMBER)).await;
    let event = number("1", 5);
    for _ in 0..3 {
        done(kit.publisher().dispatch_event(event.clone())).await;
    }
    done(kit.publisher().dispatch_event(number("1", 6))).await;
    assert_eq!(take(&mut of_topic, 4).await, [5, 5, 5, 6]);
    assert_eq!(take(&mut of_type, 4).await, [5, 5, 5, 6]);
}
