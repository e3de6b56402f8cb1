//! When everybody has gone, nothing of them is left.

use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_testkit::redis::Server;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::hub::{Cost, Hub};
use crate::life::{PATIENCE, World};
use crate::report;

/// How often it is looked whether it is so.
const AGAIN: Duration = Duration::from_millis(100);

/// Hubs without clients have no subscriber, no interest and no connection, Redis no subscription, and a hub costs what it
/// did without clients before. What each of them costs at last.
pub(crate) async fn nothing_is_left(
    world: &World,
    server: &Arc<Server>,
    fresh: [Option<Cost>; 2],
) -> [Option<Cost>; 2] {
    let mut after = [None; 2];
    for ((hub, fresh), after) in world.hubs.iter().zip(fresh).zip(&mut after) {
        world.look_after(hub).await;
        no_client_is_left(world, hub).await;
        *after = back_to(world, hub, fresh).await;
    }
    no_channel_is_left(world, server).await;
    after
}

async fn no_client_is_left(world: &World, hub: &Hub) {
    let mut left = Value::Null;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(stats) = hub.stats().await {
            let connections = &stats["connections"];
            left = json!([
                stats["subscribers"],
                stats["interests"],
                connections["websocket"],
                connections["sse"]
            ]);
            if left == json!([0, 0, 0, 0]) {
                return;
            }
        }
        sleep(AGAIN).await;
    }
    world.ledger.violated(format!("left at a hub without clients: {left}"));
}

/// What a hub costs when it costs no more than at first, or has had its time.
async fn back_to(world: &World, hub: &Hub, fresh: Option<Cost>) -> Option<Cost> {
    let until = Instant::now() + PATIENCE;
    loop {
        let after = hub.cost().await;
        let left = match (fresh, after) {
            (Some(fresh), Some(after)) => report::left(fresh, after),
            _ => vec!["what a hub costs is not known".to_owned()],
        };
        if left.is_empty() {
            return after;
        }
        if Instant::now() >= until {
            left.into_iter().for_each(|what| world.ledger.violated(what));
            return after;
        }
        sleep(AGAIN).await;
    }
}

async fn no_channel_is_left(world: &World, server: &Arc<Server>) {
    let until = Instant::now() + PATIENCE;
    loop {
        let asked = server.clone();
        let left = tokio::task::spawn_blocking(move || {
            let channels = asked.command(&["PUBSUB", "CHANNELS"]);
            (channels.list().len(), asked.command(&["PUBSUB", "NUMPAT"]).number())
        });
        let left = left.await;
        if matches!(left, Ok((0, Some(0)))) {
            return;
        }
        if Instant::now() >= until {
            return world.ledger.violated(format!("channels and patterns left in Redis: {left:?}"));
        }
        sleep(AGAIN).await;
    }
}

/// The clients' own tasks end with them.
pub(crate) async fn no_task_is_left(world: &World, before: usize) {
    let until = Instant::now() + PATIENCE;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    while tasks() > before {
        if Instant::now() >= until {
            return world.ledger.violated(format!("tasks of clients are left: {} of {before}", tasks()));
        }
        sleep(AGAIN).await;
    }
}
