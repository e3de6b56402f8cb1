//! What the tests have in common.

use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Delivery, Dynamic, EventTarget, Gap, PubSub, Subscription, WithGaps};
use alk_pubsub_redis::{Reconnect, RedisEventTarget};
use futures_util::StreamExt;
use serde_json::Value;

/// How long anything may take; a backstop.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn connect(url: &str) -> RedisEventTarget {
    // Short waits, so that tests are.
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    RedisEventTarget::builder(url).prefix("test:").reconnect(reconnect).connect().await.unwrap()
}

pub(crate) async fn pubsub(url: &str) -> PubSub<Dynamic> {
    PubSub::new(connect(url).await)
}

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// The payload of the next event, which is a number.
pub(crate) async fn next_number(subscription: &mut Subscription<Value>) -> u64 {
    let event = soon("an event", subscription.recv()).await.expect("it is open");
    event.payload().as_u64().expect("a number")
}

#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Number(u64),
    Gap(Gap),
}

pub(crate) async fn next_seen(subscription: &mut WithGaps<Value>) -> Seen {
    match soon("an event or a gap", subscription.next()).await.expect("it is open") {
        Delivery::Event(event) => Seen::Number(event.payload().as_u64().expect("a number")),
        Delivery::Gap(gap) => Seen::Gap(gap),
    }
}

pub(crate) async fn wait_for_state(target: &dyn EventTarget, wanted: ConnectionState) {
    let mut watch = target.state();
    soon(&format!("{wanted:?}"), async {
        while watch.current() != wanted {
            watch.changed().await;
        }
    })
    .await;
}
