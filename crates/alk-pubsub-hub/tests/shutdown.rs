//! How the hub ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Client, Hub, Spoke, envelope};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_websockets_and_a_hundred_streams_are_let_go() {
    let mut hub = Hub::start(&["--drain", "30s"]).await;
    let (mut spokes, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let mut spoke = hub.spoke().await;
        spoke.subscribe(&["a"]).await;
        spokes.push(spoke);
        let mut stream = hub.connect().await;
        stream.open("/events?topic=a&topic=b").await;
        streams.push(stream);
    }
    let idle = hub.connect().await;
    hub.connect().await.post("application/json", envelope("a:1", 1)).await;

    let start = Instant::now();
    hub.signal("TERM").await;
    let spokes = async {
        let mut retries = Vec::new();
        for mut spoke in spokes {
            assert_eq!(spoke.frame().await["type"], "a", "what was published before comes first");
            let close = spoke.frame().await;
            assert_eq!(
                (&close["type"], &close["payload"]["reason"]),
                (&json!("__close"), &json!("shutdown"))
            );
            assert_eq!(close["payload"]["reconnect"], true);
            retries.push(close["payload"]["retry_ms"].as_u64().unwrap());
            assert_eq!(spoke.next().await, Err(Some(1001)));
        }
        retries
    };
    let streams = async {
        let mut retries = Vec::new();
        for mut stream in streams {
            assert_eq!(stream.event().await.unwrap().field("event"), Some("a"));
            retries.push(stream.event().await.unwrap().field("retry").unwrap().parse::<u64>().unwrap());
            assert_eq!(stream.event().await, None);
        }
        retries
    };
    for mut retries in [spokes.await, streams.await] {
        retries.sort_unstable();
        retries.dedup();
        assert!(retries.len() > 50, "they do not all come back at once: {retries:?}");
    }
    let status = hub.ended(Duration::from_secs(30)).await;
    println!("200 clients gone, and the hub, {:?} after the signal", start.elapsed());
    assert_eq!(status.code(), Some(0));
    drop(idle);
}

/// A client that reads nothing of what waits for it, so that it cannot be let go.
async fn stuck(hub: &Hub) -> Client {
    let mut client = Client::new(hub.socket_with_little_room().await);
    client.open("/events?topic=big").await;
    let body = format!("{}\n", envelope("big:1", "x".repeat(10_000))).repeat(500);
    let (mut sent, mut the_same) = (0, 0);
    // Nothing more is sent where neither the client nor the system takes any more.
    while the_same < 3 {
        hub.connect().await.post("application/x-ndjson", &body).await;
        let now = hub.stats().await["sse"]["events_out"].as_u64().unwrap();
        the_same = if now == sent && now > 0 { the_same + 1 } else { 0 };
        sent = now;
    }
    client
}

#[tokio::test]
async fn while_it_drains_it_takes_nobody_and_says_so() {
    let mut hub = Hub::start(&["--drain", "1h"]).await;
    let mut client = stuck(&hub).await;
    hub.signal("INT").await;
    hub.until("it drains", |stats| stats["state"] == "draining").await;
    let (head, text) = hub.get("/readyz").await;
    assert_eq!((head.status, text.as_str()), (503, "draining\n"));
    assert_eq!(hub.get("/healthz").await.0.status, 200);
    for path in ["/events?topic=a", "/ws", "/"] {
        let (head, problem) = hub.get(path).await;
        assert_eq!(head.status, 503, "{path}");
        assert!(
            problem.contains("\"shutting_down\"") && head.headers.contains_key("retry-after"),
            "{problem}"
        );
    }
    let (head, _) = hub.connect().await.post("application/json", envelope("a:1", 1)).await;
    assert_eq!(head.status, 503);
    // The last client reads what it has, and is told when to come back.
    let mut last = None;
    while let Some(block) = client.event().await {
        last = Some(block);
    }
    assert!(last.unwrap().field("retry").is_some());
    assert_eq!(hub.ended(Duration::from_secs(30)).await.code(), Some(0));
}

#[tokio::test]
async fn what_is_left_at_the_deadline_is_cut() {
    let mut hub = Hub::start(&["--drain", "1s"]).await;
    let client = stuck(&hub).await;
    let start = Instant::now();
    hub.signal("TERM").await;
    assert_eq!(hub.ended(Duration::from_secs(30)).await.code(), Some(0));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    drop(client);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut hub = Hub::start(&["--drain", "1h"]).await;
    let client = stuck(&hub).await;
    hub.signal("INT").await;
    hub.until("it drains", |stats| stats["state"] == "draining").await;
    hub.signal("INT").await;
    assert_eq!(hub.ended(Duration::from_secs(30)).await.code(), Some(1));
    drop(client);
}

#[tokio::test]
async fn a_publish_that_goes_on_and_on_is_told_how_far_it_came() {
    let mut hub = Hub::start(&[]).await;
    let mut spoke = Spoke::connect(tokio::net::TcpStream::connect(hub.address).await.unwrap()).await;
    spoke.subscribe(&["a"]).await;
    let mut publisher = hub.connect().await;
    publisher.begin_post("application/x-ndjson").await;
    publisher.send_chunk(&format!("{}\n{{\"type\":", envelope("a:1", 1))).await;
    assert_eq!(spoke.frame().await["payload"], 1);
    hub.signal("TERM").await;
    let (head, problem) = publisher.answer().await;
    assert_eq!((head.status, &problem["published"]), (503, &json!(1)));
    assert_eq!(hub.ended(Duration::from_secs(30)).await.code(), Some(0));
}
