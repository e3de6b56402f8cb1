//! Those who publish: each has topics of its own, and publishes one event after the other. A few are loud.

use std::ops::RangeInclusive;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_client::WsClientEventTarget;
use rand::Rng;
use serde_json::json;
use tokio::time::sleep;

use crate::ledger::Fate;
use crate::life::{World, between, url};
use crate::topics::{self, LOUD, QUIET};

/// How many publish small events on quiet topics.
pub(crate) const PUBLISHERS: usize = 8;

/// Publishes small events on some of the quiet topics until it is over.
pub(crate) async fn quiet(world: World, number: usize) {
    let mine = (number..QUIET).step_by(PUBLISHERS).collect();
    publish(world, number, mine, 0..=400, 5..=40).await;
}

/// Publishes large events on one loud topic until it is over: more than slow clients read.
pub(crate) async fn loud(world: World, number: usize) {
    let mine = (number..LOUD).step_by(LOUD).map(|topic| QUIET + topic).collect();
    publish(world, PUBLISHERS + number, mine, 8000..=12_000, 100..=200).await;
}

/// Events of such sizes with such pauses, in milliseconds, between them. Its hub stays the same: two hubs would not keep the order of its events.
async fn publish(
    world: World,
    number: usize,
    topics: Vec<usize>,
    sizes: RangeInclusive<usize>,
    pauses: RangeInclusive<u64>,
) {
    let mut random = world.random(1, number as u64);
    let hub = &world.hubs[number % 2];
    let target = match WsClientEventTarget::builder(url(hub.address())).build() {
        Ok(target) => target,
        Err(error) => return world.ledger.violated(format!("publisher {number}: {error}")),
    };
    let pubsub = PubSub::<Dynamic>::new(target);
    while !world.is_over() {
        let topic = topics[random.random_range(0..topics.len())];
        let (event_type, id) = topics::name(topic);
        let pad = "x".repeat(random.random_range(sizes.clone()));
        let is_calm = world.ledger.is_calm();
        let event = world.ledger.begin(topic);
        let published = pubsub.publish(event_type.as_str(), &id, json!({"n": event, "pad": pad})).await;
        let fate = if published.is_ok() { Fate::Published } else { Fate::Uncertain };
        world.ledger.end(topic, event, fate);
        if let (Err(error), true) = (published, is_calm) {
            world.ledger.violated(format!("publisher {number}: a publish failed in the calm: {error}"));
        }
        let pause = if fate == Fate::Published {
            between(&mut random, *pauses.start(), *pauses.end())
        } else {
            between(&mut random, 100, 300)
        };
        sleep(pause).await;
    }
    let _ = pubsub.close().await;
}
