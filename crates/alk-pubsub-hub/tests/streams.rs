//! Event streams, whatever their requests come with, before and behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{Client, Hub, envelope};
use tokio::io::AsyncWriteExt;

const ASK: &str = "GET /events?topic=a:1 HTTP/1.1\r\nHost: test\r\n\r\n";

/// Reads up to where the stream says that it is open, and then one event.
async fn is_served(hub: &Hub, client: &mut Client) {
    assert_eq!(client.block().await.unwrap().0, ": subscribed");
    hub.connect().await.post("application/json", envelope("a:1", 7)).await;
    assert_eq!(client.event().await.unwrap().data(), json!({"type": "a", "id": "1", "payload": 7}));
}

#[tokio::test]
async fn a_stream_has_its_connection_for_itself() {
    let hub = Hub::start(&[]).await;
    let mut client = hub.connect().await;
    client.send(ASK).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
    ] {
        assert_eq!(head.headers[name], value);
    }
    assert!(head.headers["date"].ends_with(" GMT"), "{}", head.headers["date"]);
    is_served(&hub, &mut client).await;
    assert!(!head.headers.contains_key("content-length"), "its end is not known");
    // What else it says does not matter.
    client.send("GET /healthz HTTP/1.1\r\n\r\n".repeat(10)).await;
    hub.connect().await.post("application/json", envelope("a:1", "after")).await;
    assert_eq!(client.event().await.unwrap().data()["payload"], "after");
    drop(client);
    hub.until("the stream is gone", |stats| stats["subscribers"] == 0 && stats["sse"]["closed"] == 1).await;
}

#[tokio::test]
async fn a_stream_is_the_same_behind_another_request_and_before_one() {
    let hub = Hub::start(&[]).await;
    let mut second = hub.connect().await;
    second.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert_eq!(second.text().await.0.status, 200);
    second.send(ASK).await;
    assert_eq!(second.head().await.status, 200);
    is_served(&hub, &mut second).await;

    let mut first = hub.connect().await;
    first.send(format!("{ASK}{ASK}")).await;
    assert_eq!(first.head().await.status, 200);
    is_served(&hub, &mut first).await;

    let mut in_pieces = hub.connect().await;
    for byte in ASK.as_bytes() {
        in_pieces.send([*byte]).await;
    }
    assert_eq!(in_pieces.head().await.status, 200);
    is_served(&hub, &mut in_pieces).await;

    let mut with_a_body = hub.connect().await;
    let ask = ASK.replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc");
    with_a_body.send(ask).await;
    assert_eq!(with_a_body.head().await.status, 200);
    is_served(&hub, &mut with_a_body).await;
}

#[tokio::test]
async fn a_connection_whose_stream_is_refused_goes_on() {
    let hub = Hub::start(&[]).await;
    let mut client = hub.connect().await;
    for (path, status) in [("/events", 400), ("/events?topic=__x", 400), ("/healthz", 200)] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        assert_eq!(client.text().await.0.status, status, "{path}");
    }
    // A refusal counts once, though two look at its request.
    let stats = hub.stats().await;
    assert_eq!(
        stats["sse"]["refused"].as_object().unwrap().values().filter_map(|count| count.as_u64()).sum::<u64>(),
        2,
        "{stats}"
    );
    client.send(ASK).await;
    assert_eq!(client.head().await.status, 200);
    is_served(&hub, &mut client).await;

    // Two requests at once, the first of which is refused.
    let mut client = hub.connect().await;
    client
        .send("GET /events HTTP/1.1\r\nHost: test\r\n\r\nGET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        .await;
    assert_eq!(client.text().await.0.status, 400);
    assert_eq!(client.text().await.0.status, 200);
}

#[tokio::test]
async fn who_talks_without_end_is_sent_away() {
    let hub = Hub::start(&[]).await;
    let mut client = hub.connect().await;
    client.open("/events?topic=a:1").await;
    // It may be gone before all of that is sent.
    let _ = client.stream.write_all(&[b'x'; 1 << 20]).await;
    assert!(client.is_closed().await);
    hub.until("the stream is gone", |stats| stats["subscribers"] == 0).await;
}

#[tokio::test]
async fn who_says_that_nothing_more_comes_is_gone() {
    let hub = Hub::start(&[]).await;
    let mut client = hub.connect().await;
    client.open("/events?topic=a:1").await;
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    hub.until("the stream is gone", |stats| stats["subscribers"] == 0).await;
}
