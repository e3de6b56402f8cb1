//! WebSocket clients that come, subscribe, and go.

use std::time::Duration;

use alk_pubsub_core::{Delivery, Dynamic, PubSub, Subscription};
use alk_pubsub_ws_client::WsClientEventTarget;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::ledger::Kind;
use crate::life::{PATIENCE, Pace, Wish, World, between, url};
use crate::topics;
use crate::watch::Watch;

/// One client after the other, until it is over.
pub(crate) async fn live(world: World, number: u64, pace: Pace) {
    let mut random = world.random(2 + 8 * pace as u64, number);
    while !world.is_over() {
        let url = url(world.hub(&mut random, pace));
        let target = match WsClientEventTarget::builder(url).build() {
            Ok(target) => target,
            Err(error) => return world.ledger.violated(format!("spoke {number}: {error}")),
        };
        let pubsub = PubSub::<Dynamic>::new(target);
        let mut subscriptions = JoinSet::new();
        // Slow ones have one, so that what they are told is missing is missing there.
        for n in 0..if pace.is_slow() { 1 } else { random.random_range(1..=4) } {
            let who = format!("spoke {number} ({pace:?}), subscription {n}");
            let choices = world.random(3, random.random());
            subscriptions.spawn(subscribe(world.clone(), pubsub.clone(), who, pace, choices));
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
async fn subscribe(world: World, pubsub: PubSub<Dynamic>, who: String, pace: Pace, mut random: StdRng) {
    for _ in 0..if pace.is_slow() { 1 } else { random.random_range(1..=3) } {
        let wish = Wish::choose(&mut random, pace);
        let who = format!("{who} to {wish}");
        let is_calm = world.ledger.is_calm();
        let mut subscribing = match wish {
            Wish::Everything => pubsub.subscribe_all(),
            Wish::Type(topic) => pubsub.subscribe(topics::name(topic).0.as_str()),
            Wish::Topic(topic) => {
                let (event_type, id) = topics::name(topic);
                pubsub.subscribe_to(event_type.as_str(), &id)
            }
        };
        if pace == Pace::Sleepy {
            subscribing = subscribing.capacity(random.random_range(1..=8));
        }
        let subscription = match subscribing.await {
            Ok(subscription) => subscription,
            Err(error) => {
                // The hub or Redis is away.
                world.ledger.refused(&who, is_calm, &error.to_string());
                sleep(between(&mut random, 100, 1000)).await;
                continue;
            }
        };
        let kind = if pace.is_slow() { Kind::SlowSpoke } else { Kind::Spoke };
        let watch = Watch::begin(&world.ledger, who, kind, wish.topics());
        listen(&world, subscription, watch, pace, &mut random).await;
        if world.is_over() {
            return;
        }
    }
}

async fn listen(
    world: &World,
    subscription: Subscription<Value>,
    mut watch: Watch,
    pace: Pace,
    random: &mut StdRng,
) {
    let mut subscription = subscription.with_gaps();
    let until = Instant::now() + pace.stay(random);
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
        if pace == Pace::Sleepy {
            sleep(between(random, 100, 600)).await;
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
            watch.gap(gap.reason().as_str(), gap.missed());
            true
        }
        None => {
            watch.ended(&format!("{:?}", subscription.subscription().ended_by()));
            false
        }
    }
}
