//! The order of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alk_pubsub_testkit::redis::Server;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::faults::{self, Killed};
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::life::{PATIENCE, World};
use crate::publisher::{self, PUBLISHERS};
use crate::report::{self, Costs};
use crate::{Args, spoke, sse};

const PROGRESS: Duration = Duration::from_secs(30);
/// So long before the end nothing is killed any more, and half as long before it gaps have no excuse.
const CALM: Duration = Duration::from_secs(60);

/// Runs it; whether all went well.
pub(crate) async fn run(args: Args) -> bool {
    match go(args).await {
        Ok(well) => well,
        Err(error) => {
            println!("error: {error}");
            false
        }
    }
}

async fn go(args: Args) -> std::io::Result<bool> {
    let by_clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = args.seed.unwrap_or_else(by_clock);
    println!(
        "seed {seed}: {} minutes, {} spokes, {} streams, {PUBLISHERS} publishers, two hubs over Redis",
        args.minutes, args.spokes, args.streams
    );
    let server = Arc::new(tokio::task::spawn_blocking(|| Server::start(&[])).await?);
    let hubs = [Hub::start(&args.hub, &server.url()).await?, Hub::start(&args.hub, &server.url()).await?];
    let mut costs = Costs { fresh: hubs[0].cost().await, ..Costs::default() };
    let world = World {
        ledger: Arc::new(Ledger::new()),
        hubs: Arc::new(hubs),
        over: Arc::new(AtomicBool::new(false)),
        seed,
    };
    let begin = Instant::now();
    let end = begin + Duration::from_secs(60 * args.minutes);
    // The first hub lives through the second half, so that it can be seen to stay as it is.
    let spared = begin + (end - begin) * 45 / 100;
    let warm = begin + (end - begin) * 55 / 100;

    let killed = Arc::new(Killed::default());
    let mut servers = JoinSet::new();
    servers.spawn(faults::redis(world.clone(), server.clone(), killed.clone(), end - CALM));
    servers.spawn(faults::hubs(world.clone(), killed.clone(), [spared.min(end - CALM), end - CALM]));
    let mut clients = JoinSet::new();
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        publishers.spawn(publisher::publish(world.clone(), number));
    }
    for number in 0..args.spokes {
        clients.spawn(spoke::live(world.clone(), number));
    }
    for number in 0..args.streams {
        clients.spawn(sse::live(world.clone(), number));
    }

    let mut progress = begin + PROGRESS;
    let mut calm = end - CALM / 2;
    while Instant::now() < end && world.ledger.violations() < 10 {
        sleep_until(progress.min(calm).min(end).min(if costs.warm.is_none() { warm } else { end })).await;
        let now = Instant::now();
        if now >= warm && costs.warm.is_none() {
            costs.warm = world.hubs[0].cost().await;
        }
        if now >= calm {
            world.ledger.calm.store(true, Ordering::Release);
            calm = end;
        }
        if now >= progress {
            progress += PROGRESS;
            say(&world, &killed, begin).await;
        }
    }
    costs.end = world.hubs[0].cost().await;

    // Everybody goes once they have what they are owed.
    world.over.store(true, Ordering::Release);
    while servers.join_next().await.is_some() {}
    while publishers.join_next().await.is_some() {}
    let gone = async { while clients.join_next().await.is_some() {} };
    if timeout(PATIENCE * 3, gone).await.is_err() {
        world.ledger.violated(format!("{} clients have not gone", clients.len()));
    }
    leave_nothing(&world).await;
    costs.after = world.hubs[0].cost().await;

    println!("\n{} minutes, seed {seed}", begin.elapsed().as_secs() / 60);
    println!("{}", report::numbers(&world.ledger, &killed));
    costs.print();
    let wrong = costs.wrong();
    for what in &wrong {
        println!("VIOLATION: {what}");
    }
    let well = wrong.is_empty() && world.ledger.violations() == 0;
    println!("{}", if well { "all was delivered once and in order, or stood in a gap" } else { "FAILED" });
    Ok(well)
}

async fn say(world: &World, killed: &Killed, begin: Instant) {
    println!("{:>5} s: {}", begin.elapsed().as_secs(), report::numbers(&world.ledger, killed));
    for (name, hub) in ["first", "second"].iter().zip(world.hubs.iter()) {
        match hub.cost().await {
            Some(cost) => println!("         {name} hub {cost}"),
            None => println!("         {name} hub is away"),
        }
    }
}

/// Hubs without clients have no subscriber, no interest and no connection.
async fn leave_nothing(world: &World) {
    for hub in world.hubs.iter() {
        let mut left = serde_json::Value::Null;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let Some(stats) = hub.stats().await else { continue };
            left = serde_json::json!([
                stats["subscribers"],
                stats["interests"],
                stats["connections"]["websocket"],
                stats["connections"]["sse"]
            ]);
            if left == serde_json::json!([0, 0, 0, 0]) {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        if left != serde_json::json!([0, 0, 0, 0]) {
            world.ledger.violated(format!("left at a hub without clients: {left}"));
        }
    }
}
