//! WebSocket clients that come, subscribe, and go.

use std::time::Duration;

use alk_pubsub_core::{Delivery, Dynamic, PubSub, Subscription};
use alk_pubsub_ws_client::WsClientEventTarget;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::ledger::{Ledger, add};
use crate::life::{PATIENCE, World, between};
use crate::watch::Watch;

/// One client after the other, until it is over.
pub(crate) async fn live(world: World, number: u64) {
    let mut random = world.random(2, number);
    while !world.is_over() {
        let url = world.hub(&mut random).url();
        let Ok(target) = WsClientEventTarget::builder(url).build() else { return };
        let pubsub = PubSub::<Dynamic>::new(target);
        let mut subscriptions = JoinSet::new();
        for n in 0..random.random_range(1..=4) {
            let who = format!("spoke {number}, subscription {n}");
            let choices = world.random(3, random.random());
            subscriptions.spawn(subscribe(world.clone(), pubsub.clone(), who, choices));
        }
        while subscriptions.join_next().await.is_some() {}
        // Half of them say goodbye, the others are simply gone.
        if random.random() {
            let _ = pubsub.close().await;
        }
        drop(pubsub);
        sleep(between(&mut random, 0, 1000)).await;
    }
}

/// Subscribes to one or a few things, one after the other.
async fn subscribe(world: World, pubsub: PubSub<Dynamic>, who: String, mut random: StdRng) {
    for _ in 0..random.random_range(1..=3) {
        let topic = world.topic(&mut random);
        let (event_type, id) = Ledger::name(topic);
        let is_type = random.random_ratio(1, 8);
        let subscribing = if is_type {
            pubsub.subscribe(event_type.as_str())
        } else {
            pubsub.subscribe_to(event_type.as_str(), &id)
        };
        let Ok(subscription) = subscribing.await else {
            // The hub or Redis is away.
            add(&world.ledger.counted.refused, 1);
            sleep(between(&mut random, 100, 1000)).await;
            continue;
        };
        let (who, topics) = if is_type {
            (format!("{who} to {event_type}"), Ledger::siblings(topic))
        } else {
            (format!("{who} to {event_type}:{id}"), topic..topic + 1)
        };
        let watch = Watch::begin(&world.ledger, who, topics);
        listen(&world, subscription, watch, &mut random).await;
        if world.is_over() {
            return;
        }
    }
}

async fn listen(world: &World, subscription: Subscription<Value>, mut watch: Watch, random: &mut StdRng) {
    let mut subscription = subscription.with_gaps();
    let until = Instant::now() + between(random, 500, 20_000);
    while Instant::now() < until && !world.is_over() {
        // The end of everything is looked for now and then.
        let soon = until.min(Instant::now() + Duration::from_millis(500));
        match timeout_at(soon, subscription.recv()).await {
            Ok(delivery) => {
                if !take(delivery, &mut watch, &subscription) {
                    return;
                }
            }
            Err(_) => continue,
        }
    }
    // Half of them go in the middle of things.
    if random.random() && !world.is_over() {
        return;
    }
    let (owed, until) = (watch.owed(), Instant::now() + PATIENCE);
    while !watch.has(&owed) {
        match timeout_at(until, subscription.recv()).await {
            Ok(delivery) => {
                if !take(delivery, &mut watch, &subscription) {
                    return;
                }
            }
            Err(_) => return watch.never_came(&owed),
        }
    }
    watch.settled();
}

/// Whether there may be more.
fn take(
    delivery: Option<Delivery<Value>>,
    watch: &mut Watch,
    subscription: &alk_pubsub_core::WithGaps<Value>,
) -> bool {
    match delivery {
        Some(Delivery::Event(event)) => {
            watch.event(event.event_type(), event.id(), event.payload()["n"].as_u64());
            true
        }
        Some(Delivery::Gap(gap)) => {
            watch.gap(gap.reason().as_str());
            true
        }
        None => {
            watch.ended(&format!("{:?}", subscription.subscription().ended_by()));
            false
        }
    }
}
