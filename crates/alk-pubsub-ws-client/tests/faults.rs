//! The promises hold over a network that breaks: 200 schedules of faults, each of which can be repeated by its seed.

mod support;

use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, Delivery, Dynamic, PubSub};
use alk_pubsub_testkit::{FaultCounts, Proxy, Schedule};
use alk_pubsub_ws_client::{Reconnect, WsClientEventTarget};
use serde_json::json;
use support::{Hub, in_time};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const SCHEDULES: u64 = 200;
const EVENTS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_silence_doubled_or_out_of_order() {
    let hub = Arc::new(Hub::start());
    let first: u64 = std::env::var("ALK_FAULT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let last = if std::env::var_os("ALK_FAULT_SEED").is_some() { first } else { first + SCHEDULES - 1 };
    let at_once = Arc::new(Semaphore::new(20));
    let mut schedules = JoinSet::new();
    for seed in first..=last {
        let (hub, at_once) = (hub.clone(), at_once.clone());
        schedules.spawn(async move {
            let _permit = at_once.acquire().await.expect("never closed");
            schedule(&hub, seed).await
        });
    }
    let mut sum = Seen::default();
    while let Some(seen) = schedules.join_next().await {
        let seen = seen.expect("the schedule's seed is in its message");
        sum.faults += seen.faults;
        sum.connections += seen.connections;
        sum.gaps += seen.gaps;
        sum.received += seen.received;
        sum.acknowledged += seen.acknowledged;
    }
    println!("{} schedules: {sum:?}", last - first + 1);
    let FaultCounts { cuts, delays, halves, stalls, .. } = sum.faults;
    // A single schedule, run again by its seed, need not have all.
    assert!(first == last || [cuts, delays, halves, stalls].iter().all(|count| *count > 20), "{sum:?}");
    assert!(sum.gaps > 0 && sum.received > 0 && sum.acknowledged > 0, "{sum:?}");
}

#[derive(Debug, Default)]
struct Seen {
    faults: FaultCounts,
    connections: u64,
    gaps: u64,
    received: u64,
    acknowledged: u64,
}

async fn schedule(hub: &Hub, seed: u64) -> Seen {
    let schedule = Schedule::random(seed, 6000, Duration::from_millis(20));
    let proxy = Proxy::start(hub.address, schedule).await.expect("a port");
    let millis = Duration::from_millis;
    let target = WsClientEventTarget::builder(format!("ws://{}/ws", proxy.address()))
        .connect_timeout(millis(500))
        .heartbeat(millis(150), millis(150))
        .subscribe_timeout(millis(500))
        .publish_timeout(millis(500))
        .reconnect(Reconnect::default().min_delay(millis(2)).max_delay(millis(20)))
        .build()
        .expect("a target");
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let wide = Bounds::default().events(100_000);

    let down = format!("down-{seed}");
    let mut received = in_time("subscribed", async {
        loop {
            if let Ok(subscription) = spoke.subscribe_to("fault", &down).bounds(wide).await {
                break subscription.with_gaps();
            }
        }
    })
    .await;
    let up = format!("up-{seed}");
    let mut at_hub = hub.pubsub().subscribe_to("fault", &up).bounds(wide).await.expect("in process");

    // Both directions at once.
    let publishing = async {
        let mut acknowledged = Vec::new();
        for n in 0..EVENTS {
            if spoke.publish("fault", &up, json!(n)).await.is_ok() {
                acknowledged.push(n);
            } else {
                tokio::time::sleep(millis(1)).await;
            }
        }
        acknowledged
    };
    let delivering = async {
        for n in 0..EVENTS {
            hub.pubsub().publish("fault", &down, json!(n)).await.expect("in process");
            if n % 8 == 0 {
                tokio::time::sleep(millis(2)).await;
            }
        }
    };
    let (acknowledged, ()) = in_time("published", async { tokio::join!(publishing, delivering) }).await;

    proxy.heal();
    // Active means active: what is published from now on arrives, or a gap says that it did not.
    in_time("healed", async {
        let fence = loop {
            if let Ok(fence) = spoke.subscribe_to("fault", format!("fence-{seed}")).await {
                break fence;
            }
        };
        target.wait_connected().await.expect("connected");
        drop(fence);
    })
    .await;
    hub.pubsub().publish("fault", &down, json!(EVENTS)).await.expect("in process");

    let mut seen = Seen { faults: proxy.faults(), ..Seen::default() };
    let mut expected = 0;
    let mut gap_before = false;
    while expected <= EVENTS {
        match in_time(&format!("seed {seed}: the last event"), received.recv()).await.expect("open") {
            Delivery::Gap(_) => {
                gap_before = true;
                seen.gaps += 1;
            }
            Delivery::Event(event) => {
                let n = event.payload().as_u64().expect("a number");
                assert!(n >= expected, "seed {seed}: {n} came after {expected}: doubled or out of order");
                assert!(
                    n == expected || gap_before,
                    "seed {seed}: {expected}..{n} are missing without a gap"
                );
                (expected, gap_before) = (n + 1, false);
                seen.received += 1;
            }
        }
    }

    // One gap for each connection that was lost, and not one more.
    seen.connections = target.spoke_stats().connections;
    assert!(
        seen.gaps < seen.connections,
        "seed {seed}: {} gaps, {} connections",
        seen.gaps,
        seen.connections
    );

    // What was acknowledged is there; what was not may be; nothing twice.
    hub.pubsub().publish("fault", &up, json!(EVENTS)).await.expect("in process");
    let mut arrived = Vec::new();
    loop {
        let event = in_time(&format!("seed {seed}: the end"), at_hub.recv()).await.expect("open");
        match event.payload().as_u64().expect("a number") {
            EVENTS => break,
            n => arrived.push(n),
        }
    }
    assert!(
        arrived.windows(2).all(|pair| pair[0] < pair[1]),
        "seed {seed}: doubled or out of order: {arrived:?}"
    );
    for n in &acknowledged {
        assert!(arrived.binary_search(n).is_ok(), "seed {seed}: {n} was acknowledged and is not there");
    }
    seen.acknowledged = acknowledged.len() as u64;
    in_time("closed", spoke.close()).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    seen
}
