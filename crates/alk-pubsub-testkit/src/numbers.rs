//! Events of the checks: numbers.

use alk_pubsub_core::{
    Delivery, Dynamic, Event, Payload, PubSub, Published, Subscribe, Subscription, TargetFuture, event_map,
};
use serde_json::{Value, json};

use crate::kit::Kit;

event_map! {
    /// The checks' events with a type at compile time.
    pub(crate) struct Numbers {
        Number("number") => u64,
    }
}

/// The event type of most checks.
pub(crate) const NUMBER: &str = "number";

/// An event of the type [`NUMBER`].
pub(crate) fn number(id: &str, number: u64) -> Event {
    let topic = format!("{NUMBER}:{id}").parse();
    Event::new(topic.expect("a topic"), json!(number))
}

/// A subscription that is made in time.
pub(crate) async fn subscribed<P: Payload>(subscribe: Subscribe<'_, P>) -> Subscription<P> {
    Kit::within(subscribe).await.expect("an open target takes subscriptions")
}

/// Publishes a number and waits until it is taken.
pub(crate) async fn publish(pubsub: &PubSub<Dynamic>, id: &str, number: u64) -> Published {
    Kit::within(pubsub.publish(NUMBER, id, json!(number))).await.expect("an open target takes events")
}

/// Publishes numbers one after the other.
pub(crate) async fn publish_all(pubsub: &PubSub<Dynamic>, id: &str, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        publish(pubsub, id, number).await;
    }
}

/// The next number.
pub(crate) async fn next(subscription: &mut Subscription<Value>) -> u64 {
    let event = Kit::within(subscription.recv()).await.expect("the subscription has not ended");
    event.payload().as_u64().expect("a number")
}

/// The next numbers, so many.
pub(crate) async fn take(subscription: &mut Subscription<Value>, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(next(subscription).await);
    }
    numbers
}

/// The next numbers, up to the one that marks the end and without it.
pub(crate) async fn take_until(subscription: &mut Subscription<Value>, end: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        match next(subscription).await {
            number if number == end => return numbers,
            number => numbers.push(number),
        }
    }
}

/// A number or a gap.
pub(crate) fn number_of(delivery: Delivery<Value>) -> Result<u64, alk_pubsub_core::Gap> {
    match delivery {
        Delivery::Event(event) => Ok(event.payload().as_u64().expect("a number")),
        Delivery::Gap(gap) => Err(gap),
    }
}

/// A call that is expected to succeed in time.
pub(crate) async fn done<T, E: std::fmt::Debug>(future: TargetFuture<Result<T, E>>) -> T {
    Kit::within(future).await.expect("an open target does what it is asked")
}
