//! Those who publish: each has topics of its own, and publishes one event after the other.

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_client::WsClientEventTarget;
use rand::Rng;
use serde_json::json;
use tokio::time::sleep;

use crate::ledger::{Fate, Ledger};
use crate::life::{World, between};

pub(crate) const PUBLISHERS: usize = 8;

/// Publishes until it is over. Its hub stays the same: two hubs would not keep the order of its events.
pub(crate) async fn publish(world: World, number: usize) {
    let mut random = world.random(1, number as u64);
    let hub = &world.hubs[number % 2];
    let Ok(target) = WsClientEventTarget::builder(hub.url()).build() else { return };
    let pubsub = PubSub::<Dynamic>::new(target);
    let topics = world.ledger.topics();
    while !world.is_over() {
        let topic = random.random_range(0..topics / PUBLISHERS) * PUBLISHERS + number;
        let (event_type, id) = Ledger::name(topic);
        let pad = "x".repeat(random.random_range(0..400));
        let event = world.ledger.begin(topic);
        let published = pubsub.publish(event_type.as_str(), &id, json!({"n": event, "pad": pad})).await;
        let fate = if published.is_ok() { Fate::Published } else { Fate::Uncertain };
        world.ledger.end(topic, event, fate);
        let pause = if fate == Fate::Published {
            between(&mut random, 5, 40)
        } else {
            between(&mut random, 100, 300)
        };
        sleep(pause).await;
    }
    let _ = pubsub.close().await;
}
