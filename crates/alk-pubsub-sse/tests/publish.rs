//! Publishing by HTTP, seen through a socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use alk_pubsub_core::{Dynamic, EventTarget, InProcessEventTarget, PubSub, Subscription, Topic};
use alk_pubsub_sse::{Authorizer, ConnectionInfo, Denied, PublishHandler, publish};
use axum::Router;
use common::Server;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

struct Hub {
    server: Server,
    events: Subscription<Value>,
    publish: PublishHandler,
}

impl Hub {
    async fn start(build: impl FnOnce(InProcessEventTarget) -> PublishHandler) -> Self {
        let target = InProcessEventTarget::in_process();
        let events = PubSub::<Dynamic>::new(target.clone()).subscribe_all().await.unwrap();
        let publish = build(target);
        let server = Server::start(Router::new().route("/events", publish.handler())).await;
        Self { server, events, publish }
    }

    async fn new() -> Self {
        Self::start(PublishHandler::new).await
    }

    async fn received(&mut self) -> (String, Value) {
        let event =
            tokio::time::timeout(common::PATIENCE, self.events.recv()).await.expect("in time").unwrap();
        (event.topic().to_string(), event.payload().clone())
    }
}

fn line(number: usize) -> String {
    format!("{{\"type\":\"line\",\"id\":\"{number}\",\"payload\":{number}}}\n")
}

#[tokio::test]
async fn one_envelope() {
    let target = InProcessEventTarget::in_process();
    let server = Server::start(Router::new().route("/events", publish(target.clone()))).await;
    let mut events = PubSub::<Dynamic>::new(target).subscribe("a").await.unwrap();
    let mut client = server.connect().await;
    for media_type in [JSON, "Application/JSON; charset=utf-8"] {
        let (head, answer) = client.post(media_type, " {\n\"type\":\"a\",\"payload\":[1.50]}\n").await;
        assert_eq!((head.status, answer), (202, json!({"published": 1, "receivers": 1})));
        let event = events.recv().await.unwrap();
        assert_eq!((event.id(), event.payload()), ("", &json!([1.5])));
    }
}

#[tokio::test]
async fn many_lines() {
    let mut hub = Hub::new().await;
    let mut client = hub.server.connect().await;
    let (head, answer) = client.post(NDJSON, format!("\n{}\r\n \n{}", line(0), line(1).trim())).await;
    assert_eq!((head.status, answer), (202, json!({"published": 2, "receivers": 2})));
    assert_eq!(hub.received().await, ("line:0".into(), json!(0)));
    assert_eq!(hub.received().await, ("line:1".into(), json!(1)));
    let (head, answer) = client.post(NDJSON, "").await;
    assert_eq!((head.status, answer), (202, json!({"published": 0, "receivers": 0})));
    assert_eq!(hub.publish.stats().published, 2);
}

#[tokio::test]
async fn lines_are_published_while_they_arrive() {
    let mut hub = Hub::new().await;
    let mut client = hub.server.connect().await;
    client.begin_post(NDJSON).await;
    for number in 0..100 {
        let (begin, end) = (line(number), line(number));
        client.send_chunk(&begin[..10]).await;
        client.send_chunk(&end[10..]).await;
        assert_eq!(hub.received().await.1, number);
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.1["published"], 100);
}

struct NoSecrets;

impl Authorizer for NoSecrets {
    fn may_publish(&self, _: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        if topic.to_string() == "secret:1" { Err(Denied::new("a secret")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_refused_line_is_named_and_those_before_it_were_published() {
    let mut hub = Hub::start(|target| {
        PublishHandler::builder(target).max_frame_bytes(200).authorizer(NoSecrets).build()
    })
    .await;
    let long = format!("{{\"type\":\"a\",\"payload\":\"{}\"}}", "x".repeat(200));
    let cases: [(&[u8], u16, &str); 11] = [
        (b"{", 400, "bad_frame"),
        (b"[\"a\",\"b\"]", 400, "bad_frame"),
        (b"{\"id\":\"1\"}", 400, "bad_frame"),
        (b"{\"type\":1}", 400, "bad_frame"),
        (b"{\"type\":\"a\",\"id\":null}", 400, "bad_frame"),
        (b"{\"type\":\"a\",\"other\":\"\xff\"}", 400, "bad_frame"),
        (b"{\"type\":\"a b\"}", 400, "bad_topic"),
        (b"{\"type\":\"a\",\"id\":\"\\u0000\"}", 400, "bad_topic"),
        (b"{\"type\":\"__subscribe\"}", 400, "reserved_type"),
        (b"{\"type\":\"secret\",\"id\":\"1\"}", 403, "forbidden"),
        (long.as_bytes(), 413, "too_large"),
    ];
    for (bad, status, code) in cases {
        // What follows is more than a socket takes at once: the answer still arrives, and the connection goes on.
        let mut body = [line(1).as_bytes(), b"\n", line(2).as_bytes(), bad, b"\n"].concat();
        body.extend(line(3).repeat(50_000).as_bytes());
        let mut client = hub.server.connect().await;
        let (head, problem) = client.post(NDJSON, body).await;
        let context = String::from_utf8_lossy(bad);
        assert_eq!(head.status, status, "{context}: {problem}");
        assert_eq!(head.headers["content-type"], "application/problem+json");
        assert_eq!(problem["code"], code, "{context}");
        assert_eq!((&problem["line"], &problem["published"]), (&json!(4), &json!(2)), "{context}");
        assert!(problem["detail"].as_str().unwrap().starts_with("line 4: "), "{problem}");
        assert_eq!(hub.received().await.1, 1);
        assert_eq!(hub.received().await.1, 2);
        assert_eq!(client.post(JSON, line(5)).await.0.status, 202);
        assert_eq!(hub.received().await.1, 5, "nothing after the refused line was published");
    }
    assert_eq!(hub.publish.stats().refused.total(), 11);
}

#[tokio::test]
async fn one_bad_envelope_has_no_line() {
    let hub = Hub::start(|target| PublishHandler::builder(target).max_frame_bytes(64).build()).await;
    let mut client = hub.server.connect().await;
    let (head, problem) = client.post(JSON, "{\"type\":\"\"}").await;
    assert_eq!((head.status, &problem["code"], problem.get("line")), (400, &json!("bad_topic"), None));
    assert_eq!(problem["published"], 0);
    let (head, problem) = client.post(JSON, [b' '; 65]).await;
    assert_eq!((head.status, &problem["max_frame_bytes"]), (413, &json!(64)));
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let (head, problem) = client.post(media_type, line(1)).await;
        assert_eq!((head.status, &problem["code"]), (415, &json!("unsupported_media_type")), "{media_type}");
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_not_taken_for_text() {
    let mut hub = Hub::new().await;
    for (coding, status) in [("gzip", 415), ("identity", 202)] {
        let mut client = hub.server.connect().await;
        let (length, body) = (line(1).len(), line(1));
        let head = "POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json";
        client
            .send(format!("{head}\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n{body}"))
            .await;
        assert_eq!(client.answer().await.0.status, status, "{coding}");
    }
    assert_eq!(hub.received().await.1, 1);
    assert_eq!(hub.publish.stats().published, 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let mut hub =
        Hub::start(|target| PublishHandler::builder(target).line_timeout(Duration::from_millis(50)).build())
            .await;
    let mut client = hub.server.connect().await;
    client.begin_post(NDJSON).await;
    client.send_chunk(&line(1)).await;
    client.send_chunk("{").await;
    let (head, problem) = client.answer().await;
    assert_eq!((head.status, &problem["line"], &problem["published"]), (408, &json!(2), &json!(1)));
    assert_eq!(hub.received().await.1, 1);
}

#[tokio::test]
async fn closing_ends_a_request_between_two_lines() {
    let mut hub = Hub::new().await;
    let mut client = hub.server.connect().await;
    client.begin_post(NDJSON).await;
    client.send_chunk(&line(1)).await;
    assert_eq!(hub.received().await.1, 1);
    hub.publish.close();
    let (head, problem) = client.answer().await;
    assert_eq!((head.status, &problem["published"]), (503, &json!(1)));
    assert_eq!(head.headers["retry-after"], "5");
    let (head, _) = hub.server.connect().await.post(JSON, line(2)).await;
    assert_eq!(head.status, 503);
}

#[tokio::test]
async fn a_closed_target_is_unavailable() {
    let target = InProcessEventTarget::in_process();
    let server = Server::start(Router::new().route("/events", publish(target.clone()))).await;
    target.close().await.unwrap();
    let (head, problem) = server.connect().await.post(JSON, line(1)).await;
    assert_eq!((head.status, &problem["code"]), (503, &json!("unavailable")));
}
