//! The order of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alk_pubsub_testkit::redis::Server;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::faults::{self, Killed};
use crate::hub::Hub;
use crate::late::Late;
use crate::leaving::{no_task_is_left, nothing_is_left};
use crate::ledger::Ledger;
use crate::life::{PATIENCE, Pace, World};
use crate::publisher::{self, PUBLISHERS};
use crate::report::{self, Costs};
use crate::topics::LOUD;
use crate::{Args, PANICS, least, spoke, sse};

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
        "seed {seed}: {} minutes, {} spokes, {} streams, {} slow clients, {PUBLISHERS} publishers and {LOUD} loud ones, \
         two hubs over Redis",
        args.minutes, args.spokes, args.streams, args.slow
    );
    let logs =
        args.logs.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("alk-pubsub-soak-{seed}")));
    std::fs::create_dir_all(&logs)?;
    let server = Arc::new(tokio::task::spawn_blocking(|| Server::start(&[])).await?);
    let start =
        async |number| Hub::start(&args.hub, &server.url(), logs.join(format!("hub-{number}.stderr"))).await;
    let hubs = [start(1).await?, start(2).await?];
    let fresh = [hubs[0].cost().await, hubs[1].cost().await];
    let mut costs = Costs { fresh: fresh[0], ..Costs::default() };
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
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
    let mut warm = begin + (end - begin) * 55 / 100;

    let killed = Arc::new(Killed::default());
    let late = Late::default();
    let mut servers = JoinSet::new();
    servers.spawn(faults::redis(world.clone(), server.clone(), killed.clone(), end - CALM));
    servers.spawn(faults::hubs(world.clone(), killed.clone(), [spared.min(end - CALM), end - CALM]));
    let mut watching = JoinSet::new();
    watching.spawn(late.clone().watch());
    let mut clients = JoinSet::new();
    let mut publishers = JoinSet::new();
    for number in 0..PUBLISHERS {
        publishers.spawn(publisher::quiet(world.clone(), number));
    }
    for number in 0..LOUD {
        publishers.spawn(publisher::loud(world.clone(), number));
    }
    for number in 0..args.spokes {
        clients.spawn(spoke::live(world.clone(), number, Pace::Quick));
    }
    for number in 0..args.streams {
        clients.spawn(sse::live(world.clone(), number, Pace::Quick));
    }
    for number in 0..args.slow {
        match number % 3 {
            0 => clients.spawn(spoke::live(world.clone(), number, Pace::Narrow)),
            1 => clients.spawn(sse::live(world.clone(), number, Pace::Narrow)),
            _ => clients.spawn(spoke::live(world.clone(), number, Pace::Sleepy)),
        };
    }

    let mut progress = begin + PROGRESS;
    let mut calm = end - CALM / 2;
    while Instant::now() < end && world.ledger.violations() < 10 {
        sleep_until(progress.min(calm).min(end).min(warm)).await;
        let now = Instant::now();
        if now >= warm && costs.warm.is_none() {
            costs.warm = world.hubs[0].cost().await;
            // One that does not answer is asked again.
            warm = if costs.warm.is_some() { end } else { now + Duration::from_secs(1) };
        }
        if now >= calm {
            world.ledger.calm_down();
            calm = end;
        }
        if now >= progress {
            progress += PROGRESS;
            say(&world, &killed, &late, begin).await;
        }
    }
    costs.end = world.hubs[0].cost().await;

    // Everybody goes once they have what they are owed.
    world.over.store(true, Ordering::Release);
    watching.shutdown().await;
    while servers.join_next().await.is_some() {}
    while publishers.join_next().await.is_some() {}
    let gone = async { while clients.join_next().await.is_some() {} };
    if timeout(PATIENCE * 3, gone).await.is_err() {
        world.ledger.violated(format!("{} clients have not gone", clients.len()));
    }
    no_task_is_left(&world, tasks).await;
    [costs.after, _] = nothing_is_left(&world, &server, fresh).await;
    nobody_panicked(&world);

    println!("\n{} minutes, seed {seed}", begin.elapsed().as_secs() / 60);
    println!("{}", report::numbers(&world.ledger, &killed));
    costs.print();
    let mut wrong = costs.wrong();
    wrong.extend(least::missing(&args, &world.ledger, &killed));
    for what in &wrong {
        println!("VIOLATION: {what}");
    }
    let well = wrong.is_empty() && world.ledger.violations() == 0;
    println!("{}", if well { "all was delivered once and in order, or stood in a gap" } else { "FAILED" });
    Ok(well)
}

async fn say(world: &World, killed: &Killed, late: &Late, begin: Instant) {
    println!("{:>5} s: {}", begin.elapsed().as_secs(), report::numbers(&world.ledger, killed));
    println!("         timers were late by up to {} ms", late.take());
    for (name, hub) in ["first", "second"].iter().zip(world.hubs.iter()) {
        world.look_after(hub).await;
        match hub.cost().await {
            Some(cost) => println!("         {name} hub {cost}"),
            None => println!("         {name} hub is away"),
        }
    }
}

/// Neither a hub, whose word for it is in its log, nor anything in this process.
fn nobody_panicked(world: &World) {
    for hub in world.hubs.iter() {
        let log = hub.log().display();
        match hub.has_panicked() {
            Ok(false) => println!("what a hub said: {log}"),
            Ok(true) => world.ledger.violated(format!("a hub has panicked: {log}")),
            Err(error) => world.ledger.violated(format!("cannot read {log}: {error}")),
        }
    }
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        world.ledger.violated(format!("clients have panicked {panics} times: see above"));
    }
}
