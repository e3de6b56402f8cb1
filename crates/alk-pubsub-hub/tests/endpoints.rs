//! What is at which path, and who is let in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Hub, envelope};

const JSON: &str = "application/json";

#[tokio::test]
async fn whoever_watches_is_answered() {
    let hub = Hub::start(&["--max-connections", "5"]).await;
    let mut listener = hub.connect().await;
    listener.open("/events?topic=a&topic=b:1").await;
    let mut spoke = hub.spoke().await;
    spoke.subscribe(&["a:1"]).await;
    hub.connect().await.post(JSON, envelope("a:1", "x")).await;
    listener.event().await.unwrap();
    spoke.frame().await;

    assert_eq!(hub.get("/healthz").await.1, "ok\n");
    let (head, text) = hub.get("/readyz").await;
    assert_eq!((head.status, text.as_str()), (200, "ready\n"));

    let stats = hub.stats().await;
    assert_eq!(stats["connections"], json!({"websocket": 1, "sse": 1, "max": 5}));
    let events = &stats["events"];
    assert_eq!(
        (&events["published"], &events["delivered"], &events["missed"]),
        (&json!(1), &json!(2), &json!(0))
    );
    assert_eq!(
        (&stats["state"], &stats["subscribers"], &stats["interests"]),
        (&json!("ready"), &json!(3), &json!(3))
    );
    assert_eq!(stats["topics"].as_array().unwrap().len(), 3);
    assert_eq!((&stats["sse"]["events_out"], &stats["http_publish"]["published"]), (&json!(1), &json!(1)));

    let (head, metrics) = hub.get("/metrics").await;
    assert!(head.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    for line in [
        "alk_hub_ready 1",
        "alk_hub_connections{transport=\"websocket\"} 1",
        "alk_hub_connections{transport=\"sse\"} 1",
        "alk_hub_events_published_total 1",
        "alk_hub_events_delivered_total 2",
        "alk_hub_events_received_total{transport=\"http\"} 1",
        "alk_hub_refused_total{transport=\"hub\",reason=\"foreign_origin\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let hub = Hub::start(&[]).await;
    let (head, page) = hub.get("/").await;
    assert_eq!((head.status, head.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    assert!(head.headers["content-security-policy"].starts_with("default-src 'none'"));
    assert!(page.contains("publish and subscribe hub") && page.contains("fetch('stats'"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let hub = Hub::start(&[]).await;
    let (head, problem) = hub.get("/event?topic=a").await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((head.status, &problem["code"]), (404, &json!("not_found")));
    assert!(problem["detail"].as_str().unwrap().contains("/events"));
    let mut client = hub.connect().await;
    client.send("DELETE /events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.head().await.status, 405);
}

#[tokio::test]
async fn each_refusal_of_an_event_stream() {
    let hub = Hub::start(&["--max-topics", "2"]).await;
    for (query, status, code) in [
        ("", 400, "bad_topic"),
        ("?topic=a%20b", 400, "bad_topic"),
        ("?topic=__x", 400, "reserved_type"),
        ("?topic=a&topic=b&topic=c", 400, "too_many_topics"),
    ] {
        let (head, problem) = hub.get(&format!("/events{query}")).await;
        let problem: Value = serde_json::from_str(&problem).unwrap();
        assert_eq!((head.status, &problem["code"]), (status, &json!(code)), "{query}");
        assert_eq!(head.headers["content-type"], "application/problem+json");
    }
    assert_eq!(hub.stats().await["sse"]["refused"]["bad_topic"], 2);
    assert_eq!(hub.stats().await["connections"]["sse"], 0, "and takes no seat");
}

#[tokio::test]
async fn each_refusal_of_a_publish() {
    let hub = Hub::start(&["--max-frame", "1KiB"]).await;
    let long = envelope("a:1", "x".repeat(1024));
    let mut refusals = 0;
    for (bad, status, code) in [
        ("{", 400, "bad_frame"),
        ("{\"type\":\"a\",\"id\":1}", 400, "bad_frame"),
        ("{\"type\":\"a:b\"}", 400, "bad_topic"),
        ("{\"type\":\"__welcome\"}", 400, "reserved_type"),
        (&long, 413, "too_large"),
    ] {
        let (head, problem) = hub.connect().await.post(JSON, bad).await;
        assert_eq!((head.status, &problem["code"]), (status, &json!(code)), "{bad}");
        let body = format!("{}\n{bad}\n{}\n", envelope("a:1", 1), envelope("a:1", 2));
        let (head, problem) = hub.connect().await.post("application/x-ndjson", body).await;
        assert_eq!((head.status, &problem["code"]), (status, &json!(code)), "{bad}");
        assert_eq!((&problem["line"], &problem["published"]), (&json!(2), &json!(1)), "{bad}");
        refusals += 2;
    }
    let (head, problem) = hub.connect().await.post("text/plain", envelope("a:1", 1)).await;
    assert_eq!((head.status, &problem["code"]), (415, &json!("unsupported_media_type")));
    let refused = &hub.stats().await["http_publish"]["refused"];
    assert_eq!(refused.as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>(), refusals + 1);
}

#[tokio::test]
async fn web_pages_of_elsewhere_open_no_websocket() {
    let hub = Hub::start(&[]).await;
    let upgrade = |origin: &str| {
        let host = hub.address;
        format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let mut client = hub.connect().await;
    client.send(upgrade("https://elsewhere.example")).await;
    let (head, problem) = client.answer().await;
    assert_eq!((head.status, &problem["code"]), (403, &json!("foreign_origin")));
    client.send(upgrade(&format!("http://{}", hub.address))).await;
    assert_eq!(client.head().await.status, 101);
    assert_eq!(hub.stats().await["refused"]["foreign_origin"], 1);
    assert_eq!(hub.get("/ws").await.0.status, 426);
}

#[tokio::test]
async fn as_many_clients_as_there_are_seats() {
    let hub = Hub::start(&["--max-connections", "2"]).await;
    let spoke = hub.spoke().await;
    let mut listener = hub.connect().await;
    listener.open("/events?topic=a").await;

    let (head, problem) = hub.get("/events?topic=a").await;
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((head.status, &problem["code"]), (503, &json!("too_many_connections")));
    assert!(head.headers["retry-after"].parse::<u32>().unwrap() > 0);
    let mut client = hub.connect().await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    let (head, _) = client.answer().await;
    assert_eq!((head.status, head.headers.contains_key("retry-after")), (503, true));

    // What takes no seat goes on.
    assert_eq!(hub.get("/healthz").await.0.status, 200);
    assert_eq!(hub.connect().await.post(JSON, envelope("a:1", 1)).await.0.status, 202);
    assert_eq!(hub.stats().await["refused"]["too_many_connections"], 2);

    // A seat that is left is free, also on a connection that was refused.
    spoke.close().await;
    hub.until("the WebSocket has gone", |stats| stats["connections"]["websocket"] == 0).await;
    let opened = async {
        loop {
            let head = client.get("/events?topic=a").await;
            if head.status == 200 {
                break;
            }
            client.take_body(&head).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, opened).await.expect("a free seat in time");
    drop(listener);
    drop(client);
    hub.until("the streams have gone", |stats| stats["connections"]["sse"] == 0).await;
    hub.spoke().await.close().await;
}

#[tokio::test]
async fn who_may_only_listen() {
    let hub = Hub::start(&["--allow-anonymous", "subscribe"]).await;
    assert!(!hub.banner.contains(" -d "));
    let (head, problem) = hub.connect().await.post(JSON, envelope("a:1", 1)).await;
    assert_eq!((head.status, &problem["code"]), (403, &json!("forbidden")));
    assert_eq!(hub.get("/events?topic=*").await.0.status, 403);
    assert!(
        hub.stats().await.get("topics").is_none(),
        "names of topics are for those who may hear everything"
    );
    let mut spoke = hub.spoke().await;
    spoke.subscribe(&["a"]).await;
    let answer = spoke.publish(&envelope("a:1", 1)).await;
    assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("__error"), &json!("forbidden")));
    spoke.send(json!({"type": "__subscribe", "id": "e", "payload": {"topics": ["*"]}}).to_string()).await;
    let answer = spoke.frame().await;
    assert_eq!((&answer["type"], &answer["payload"]["topic"]), (&json!("__error"), &json!("*")));
}

#[tokio::test]
async fn who_may_only_publish() {
    let hub = Hub::start(&["--allow-anonymous", "publish"]).await;
    assert_eq!(hub.connect().await.post(JSON, envelope("a:1", 1)).await.0.status, 202);
    assert_eq!(hub.get("/events?topic=a").await.0.status, 403);
    let mut spoke = hub.spoke().await;
    assert_eq!(spoke.publish(&envelope("a:1", 1)).await["type"], "__published");
    spoke.send(json!({"type": "__subscribe", "id": "e", "payload": {"topics": ["a"]}}).to_string()).await;
    assert_eq!(spoke.frame().await["payload"]["code"], "forbidden");
}

#[tokio::test]
async fn everything_for_everybody_on_this_machine() {
    let hub = Hub::start(&[]).await;
    let mut listener = hub.connect().await;
    listener.open("/events?topic=*").await;
    hub.connect().await.post(JSON, envelope("any:1", 1)).await;
    assert_eq!(listener.event().await.unwrap().field("event"), Some("any"));
}

#[tokio::test]
async fn who_publishes_faster_than_allowed_waits() {
    let hub = Hub::start(&["--max-publish-rate", "20"]).await;
    let start = std::time::Instant::now();
    let mut client = hub.connect().await;
    for _ in 0..2 {
        // The limit is that of the connection, whatever the requests.
        let body = format!("{}\n", envelope("a:1", 1)).repeat(25);
        assert_eq!(client.post("application/x-ndjson", body).await.1["published"], 25);
    }
    assert!(start.elapsed().as_millis() >= 1400, "{:?}", start.elapsed());
}

#[tokio::test]
async fn half_a_request_is_given_up() {
    let hub = Hub::start(&[]).await;
    let (mut silent, mut half) = (hub.connect().await, hub.connect().await);
    half.send("GET /events?topic=a HTTP/1.1\r\nHo").await;
    tokio::join!(async { assert!(silent.is_closed().await) }, async {
        // Hyper may say 408 first.
        while !half.is_closed().await {}
    });
    hub.get("/healthz").await;
}
