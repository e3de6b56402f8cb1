//! Two hubs over one Redis behind a balancer, restarted one after the other while everything goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub::redis::RedisEventTarget;
use alk_pubsub::ws_client::WsClientEventTarget;
use alk_pubsub::{Delivery, Dynamic, PubSub};
use alk_pubsub_testkit::Balancer;
use alk_pubsub_testkit::redis::Server;
use futures_util::StreamExt;
use serde_json::json;
use support::{Hub, PATIENCE};
use tokio::task::JoinSet;
use tokio::time::timeout;

const SPOKES: usize = 200;
const PREFIX: &str = "rolling:";

async fn hub(server: &Server, listen: &str) -> Hub {
    let url = server.url();
    Hub::start_as(support::command(&[
        "--listen", listen, "--redis", &url, "--prefix", PREFIX, "--drain", "20s",
    ]))
    .await
}

/// What a spoke has seen when everything was over.
#[derive(Debug, Default)]
struct Seen {
    events: u64,
    gaps: u64,
    /// The last event that it has received, if nothing was missing behind it.
    last: Option<u64>,
}

/// Reads until the event that says that this was all. What is missing without a gap at its place, or comes twice, fails.
async fn read(spoke: PubSub<Dynamic>, ready: tokio::sync::mpsc::Sender<()>) -> Seen {
    let mut events = spoke.subscribe("n").await.unwrap().with_gaps();
    ready.send(()).await.unwrap();
    let (mut seen, mut last, mut gap) = (Seen::default(), None, false);
    loop {
        match timeout(PATIENCE, events.next())
            .await
            .expect("an event in time")
            .expect("a stream that goes on")
        {
            Delivery::Event(event) => {
                let Some(number) = event.payload().as_u64() else {
                    seen.last = last.filter(|_| !gap);
                    return seen;
                };
                let next = last.is_none_or(|last| if gap { number > last } else { number == last + 1 });
                assert!(next, "{number} after {last:?}, gap: {gap}");
                (last, gap) = (Some(number), false);
                seen.events += 1;
            }
            Delivery::Gap(_) => {
                gap = true;
                seen.gaps += 1;
            }
        }
    }
}

/// Waits until the hubs together have all spokes, each with its subscription.
async fn all_there(hubs: &[Hub; 2]) {
    let waiting = async {
        loop {
            let (one, other) = (hubs[0].stats().await, hubs[1].stats().await);
            let sum = |number: fn(&serde_json::Value) -> &serde_json::Value| {
                number(&one).as_u64().unwrap() + number(&other).as_u64().unwrap()
            };
            let all = SPOKES as u64;
            if sum(|stats| &stats["connections"]["websocket"]) == all
                && sum(|stats| &stats["subscribers"]) == all
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("all spokes are there in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_but_within_a_gap_while_the_hubs_are_restarted() {
    let server = Server::start(&[]);
    let (one, other) = tokio::join!(hub(&server, "127.0.0.1:0"), hub(&server, "127.0.0.1:0"));
    let mut hubs = [one, other];
    let balancer = Balancer::start([hubs[0].address, hubs[1].address]).await.unwrap();
    let url = format!("ws://{}/ws", balancer.address());

    let (ready, mut are_ready) = tokio::sync::mpsc::channel(SPOKES);
    let mut spokes = JoinSet::new();
    for _ in 0..SPOKES {
        let spoke = WsClientEventTarget::connect(&url).await.unwrap();
        spokes.spawn(read(PubSub::new(spoke), ready.clone()));
    }
    for _ in 0..SPOKES {
        timeout(PATIENCE, are_ready.recv()).await.expect("subscribed in time").unwrap();
    }
    assert!(hubs[0].stats().await["connections"]["websocket"].as_u64().unwrap() > 50, "both have some");

    let publisher = RedisEventTarget::builder(server.url()).prefix(PREFIX).connect().await.unwrap();
    let publisher = PubSub::<Dynamic>::new(publisher);
    let enough = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn({
        let (publisher, enough) = (publisher.clone(), enough.clone());
        async move {
            let mut often = tokio::time::interval(Duration::from_millis(5));
            let mut number: u64 = 0;
            while !enough.load(Ordering::Relaxed) {
                often.tick().await;
                publisher.publish("n", "all", json!(number)).await.unwrap();
                number += 1;
            }
            number
        }
    });

    for hub in &mut hubs {
        let address = hub.address.to_string();
        hub.signal("TERM").await;
        assert_eq!(hub.ended(PATIENCE).await.code(), Some(0));
        *hub = self::hub(&server, &address).await;
        assert_eq!(hub.address.to_string(), address);
        // Those that have gone over to the other come back to this one when the other goes.
    }
    all_there(&hubs).await;
    enough.store(true, Ordering::Relaxed);
    let published = publishing.await.unwrap();
    publisher.publish("n", "all", json!("that was all")).await.unwrap();

    let seen = spokes.join_all().await;
    let (events, gaps) =
        seen.iter().fold((0, 0), |(events, gaps), seen| (events + seen.events, gaps + seen.gaps));
    println!("{published} events to {SPOKES} spokes: {events} arrived, {gaps} gaps");
    assert!(gaps >= SPOKES as u64, "each spoke was at a hub that was restarted");
    assert!(seen.iter().all(|seen| seen.gaps <= 8), "{seen:?}");
    assert!(seen.iter().all(|seen| seen.last == Some(published - 1)), "to the very end: {seen:?}");
    assert!(seen.iter().all(|seen| seen.events > 0));
    for mut hub in hubs {
        hub.signal("TERM").await;
        assert_eq!(hub.ended(PATIENCE).await.code(), Some(0));
    }
}
