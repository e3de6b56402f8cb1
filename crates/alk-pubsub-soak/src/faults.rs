//! Servers that are killed, and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alk_pubsub_testkit::redis::Server;
use rand::Rng;
use tokio::time::{Instant, sleep};

use crate::life::{World, between};

/// How often what was killed.
#[derive(Default)]
pub(crate) struct Killed {
    pub(crate) redis: AtomicU64,
    pub(crate) hubs: [AtomicU64; 2],
}

/// Kills Redis now and then, until that time.
pub(crate) async fn redis(world: World, server: Arc<Server>, killed: Arc<Killed>, until: Instant) {
    let mut random = world.random(5, 0);
    while wait(&mut random, until).await {
        let away = between(&mut random, 0, 3000);
        let kill = server.clone();
        if tokio::task::spawn_blocking(move || kill.kill()).await.is_err() {
            return world.ledger.violated("Redis cannot be killed".to_owned());
        }
        killed.redis.fetch_add(1, Ordering::Relaxed);
        sleep(away).await;
        let restart = server.clone();
        if tokio::task::spawn_blocking(move || restart.restart()).await.is_err() {
            return world.ledger.violated("Redis cannot be started again".to_owned());
        }
    }
}

/// Kills hubs now and then, each until its time.
pub(crate) async fn hubs(world: World, killed: Arc<Killed>, until: [Instant; 2]) {
    let mut random = world.random(6, 0);
    while wait(&mut random, until[0].max(until[1])).await {
        let which = random.random_range(0..2);
        if Instant::now() >= until[which] {
            continue;
        }
        let hub = &world.hubs[which];
        world.look_after(hub).await;
        hub.kill().await;
        killed.hubs[which].fetch_add(1, Ordering::Relaxed);
        sleep(between(&mut random, 0, 3000)).await;
        if let Err(error) = hub.restart().await {
            return world.ledger.violated(format!("a hub cannot be started again: {error}"));
        }
    }
}

/// Whether there is time for one more.
async fn wait(random: &mut rand::rngs::StdRng, until: Instant) -> bool {
    sleep(between(random, 4000, 20_000)).await;
    Instant::now() + Duration::from_secs(5) < until
}
