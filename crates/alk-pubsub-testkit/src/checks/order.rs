//! Promise 2: order.

use crate::kit::Kit;
use crate::numbers::{NUMBER, done, next, number, publish_all, subscribed, take};

pub(super) async fn one_publishers_events_on_a_topic_come_in_the_order_published(kit: Kit) {
    let subscribing = kit.subscribing();
    let mut of_topic = subscribed(subscribing.subscribe_to(NUMBER, "1")).await;
    let mut of_type = subscribed(subscribing.subscribe(NUMBER)).await;
    let expected: Vec<u64> = (0..1000).collect();
    publish_all(&kit.publishing(), "1", 0..1000).await;
    assert_eq!(take(&mut of_topic, 1000).await, expected);
    assert_eq!(take(&mut of_type, 1000).await, expected);
}

pub(super) async fn dispatches_take_their_place_when_they_are_called(kit: Kit) {
    let mut subscription = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    let waiting: Vec<_> = (0..100).map(|value| kit.publisher().dispatch_event(number("1", value))).collect();
    // Awaited the other way round.
    for dispatch in waiting.into_iter().rev() {
        done(dispatch).await;
    }
    assert_eq!(take(&mut subscription, 100).await, (0..100).collect::<Vec<_>>());
}

pub(super) async fn all_subscribers_of_a_topic_see_one_order(kit: Kit) {
    const EACH: u64 = 300;
    let subscribing = kit.subscribing();
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(subscribed(subscribing.subscribe_to(NUMBER, "1")).await);
    }
    // Some from here and some from there.
    let publishers = [kit.publishing(), kit.subscribing(), kit.publishing()];
    let publishers = (0..).zip(publishers).map(|(publisher, pubsub)| {
        tokio::spawn(async move {
            publish_all(&pubsub, "1", (0..EACH).map(|value| publisher * 1000 + value)).await;
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let mut seen = Vec::new();
    for _ in 0..3 * EACH {
        let value = next(&mut subscriptions[0]).await;
        for other in &mut subscriptions[1..] {
            assert_eq!(next(other).await, value);
        }
        seen.push(value);
    }
    for publisher in 0..3 {
        let own = seen.iter().filter(|value| *value / 1000 == publisher);
        assert!(own.is_sorted(), "events of one publisher are out of order");
    }
    for publisher in publishers {
        Kit::within(publisher).await.expect("a publisher");
    }
}
