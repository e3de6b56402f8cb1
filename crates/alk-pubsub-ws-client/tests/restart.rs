//! A hub that dies and comes back under many spokes.

mod support;

use std::time::{Duration, Instant};

use alk_pubsub_core::{ConnectionState, Dynamic, EventTarget, PubSub};
use serde_json::json;
use support::{Hub, in_time, until};

const SPOKES: usize = 50;
const TOPICS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_spokes_are_back_within_five_seconds_with_one_gap_each_and_nothing_twice() {
    let hub = Hub::start();
    let mut spokes = Vec::new();
    for spoke in 0..SPOKES {
        let target = hub.spoke().await;
        let pubsub = PubSub::<Dynamic>::new(target.clone());
        let mut subscriptions = Vec::new();
        for topic in 0..TOPICS {
            // Half of them everybody has, half of them nobody else.
            let id = if topic % 2 == 0 { topic.to_string() } else { format!("{spoke}-{topic}") };
            let subscription = pubsub.subscribe_to("a", &id).await.expect("granted").with_gaps();
            subscriptions.push((id, subscription));
        }
        spokes.push((target, subscriptions));
    }
    publish(&hub, &spokes, "before").await;
    for (_, subscriptions) in &mut spokes {
        for (_, subscription) in subscriptions {
            assert!(until(subscription, &json!("before")).await.is_empty());
        }
    }

    let address = hub.kill();
    for (target, _) in &spokes {
        let mut state = target.state();
        in_time("lost", async {
            while state.current() != ConnectionState::Reconnecting {
                state.changed().await;
            }
        })
        .await;
    }
    // Long enough for the waits between attempts to have grown.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let hub = Hub::start_at(address);
    let started = Instant::now();
    for (target, _) in &spokes {
        in_time("back", target.wait_connected()).await.expect("back");
    }
    let all_back = started.elapsed();

    publish(&hub, &spokes, "after").await;
    publish(&hub, &spokes, "end").await;
    for (_, subscriptions) in &mut spokes {
        for (id, subscription) in subscriptions {
            let seen = until(subscription, &json!("end")).await;
            assert_eq!(seen, [json!("upstream_reconnected"), json!("after")], "{id}");
        }
    }

    let attempts = hub.accepted.lock().expect("no panic").clone();
    let after: Vec<_> = attempts.iter().map(|at| at.duration_since(started).as_millis()).collect();
    let most =
        after.iter().map(|at| after.iter().filter(|other| (*at..at + 50).contains(*other)).count()).max();
    println!(
        "{SPOKES} spokes × {TOPICS} topics were back {all_back:?} after the hub was; {} attempts over {} ms, at most {} within 50 ms",
        after.len(),
        after.iter().max().unwrap_or(&0),
        most.unwrap_or(0),
    );
    assert!(all_back < Duration::from_secs(5), "{all_back:?}");
    assert_eq!(after.len(), SPOKES, "one attempt each once the hub is there");
    assert!(most.unwrap_or(0) <= SPOKES / 2, "{after:?}");
}

type Spoke =
    (alk_pubsub_ws_client::WsClientEventTarget, Vec<(String, alk_pubsub_core::WithGaps<serde_json::Value>)>);

/// One event on each topic that anybody has.
async fn publish(hub: &Hub, spokes: &[Spoke], payload: &str) {
    let mut ids: Vec<_> =
        spokes.iter().flat_map(|(_, subscriptions)| subscriptions.iter().map(|(id, _)| id)).collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        hub.pubsub().publish("a", id, json!(payload)).await.expect("published");
    }
}
