//! The event stream, seen through a socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use alk_pubsub_core::{Bounds, Encoding, Event, EventTarget, InProcessEventTarget, Interest, Overflow};
use alk_pubsub_sse::{Authorizer, ConnectionInfo, Denied, SseRelay, handler};
use axum::Router;
use common::{Server, dispatch, event, until};
use serde_json::json;

async fn serve(relay: &SseRelay) -> Server {
    Server::start(Router::new().route("/events", relay.handler())).await
}

#[tokio::test]
async fn each_event_once_and_only_what_was_asked_for() {
    let target = InProcessEventTarget::in_process();
    let server = Server::start(Router::new().route("/events", handler(target.clone()))).await;
    let mut client = server.connect().await;
    let head = client.open("/events?topic=a:1&topic=b&topic=b:1").await;
    assert_eq!(head.headers["content-type"], "text/event-stream");
    assert_eq!(head.headers["cache-control"], "no-cache, no-transform");
    assert_eq!(head.headers["x-accel-buffering"], "no");

    dispatch(&target, "a:2", "not this").await;
    dispatch(&target, "b:1", "twice of interest").await;
    dispatch(&target, "c:1", "nor this").await;
    dispatch(&target, "a:1", "last").await;
    let mut blocks = [client.event().await.unwrap(), client.event().await.unwrap()];
    blocks.sort_by_key(|block| block.field("event").map(str::to_owned));
    assert_eq!(blocks[0].0, "event: a\ndata: {\"type\":\"a\",\"id\":\"1\",\"payload\":\"last\"}");
    assert_eq!(
        blocks[1].0,
        "event: b\ndata: {\"type\":\"b\",\"id\":\"1\",\"payload\":\"twice of interest\"}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_after_the_headers_arrives() {
    let target = InProcessEventTarget::in_process();
    let server = serve(&SseRelay::new(target.clone())).await;
    for round in 0..100 {
        let mut client = server.connect().await;
        assert_eq!(client.get("/events?topic=a&topic=b:1").await.status, 200);
        dispatch(&target, "b:1", round).await;
        assert_eq!(client.event().await.unwrap().data()["payload"], round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_events_stay_complete_and_in_order() {
    const EVENTS: u64 = 20_000;
    let target = InProcessEventTarget::in_process();
    let relay = SseRelay::builder(target.clone())
        .bounds(Bounds::default().events(EVENTS as usize).bytes(64 << 20))
        .build();
    let server = serve(&relay).await;
    let mut client = server.connect().await;
    client.open("/events?topic=count").await;
    let publisher = tokio::spawn(async move {
        for number in 0..EVENTS {
            dispatch(&target, "count:up", number).await;
        }
    });
    for number in 0..EVENTS {
        assert_eq!(client.event().await.unwrap().data()["payload"], number);
    }
    publisher.await.unwrap();
    assert_eq!((relay.stats().events, relay.stats().gaps), (EVENTS, 0));
}

#[tokio::test]
async fn line_ends_in_an_envelope_end_no_line() {
    let target = InProcessEventTarget::in_process();
    let server = serve(&SseRelay::new(target.clone())).await;
    let mut client = server.connect().await;
    client.open("/events?topic=a").await;
    let pretty =
        "{\r\n \"type\": \"a\",\n\"id\": \"\\u000aevent: forged\",\r\"payload\": \"x\\n\\ndata: forged\"\n}";
    let refused = Event::from_encoded(Encoding::JSON, pretty.into());
    assert!(refused.is_err(), "an id has no control characters");
    let pretty = pretty.replace("\\u000aevent: forged", "1");
    target.dispatch_event(Event::from_encoded(Encoding::JSON, pretty.into()).unwrap()).await.unwrap();
    let block = client.event().await.unwrap();
    assert_eq!(block.0.lines().count(), 2, "{block:?}");
    assert_eq!(block.data()["payload"], "x\n\ndata: forged");
}

/// Publishes until a client that does not read must have missed something. Returns how many events that were.
async fn overwhelm(target: &InProcessEventTarget, first: u64) -> u64 {
    let text = "x".repeat(4 << 10);
    for number in first..first + 4000 {
        dispatch(target, "big:1", json!({"number": number, "text": text})).await;
        tokio::task::yield_now().await;
    }
    first + 4000
}

#[tokio::test]
async fn who_does_not_read_is_told_the_gap_and_delays_nobody() {
    let target = InProcessEventTarget::in_process();
    let relay =
        SseRelay::builder(target.clone()).bounds(Bounds::default().events(64).bytes(64 << 10)).build();
    let server = serve(&relay).await;
    let mut slow = server.connect_with_little_room().await;
    slow.open("/events?topic=big").await;
    let mut quick = server.connect().await;
    quick.open("/events?topic=small").await;

    let published = overwhelm(&target, 0).await;
    dispatch(&target, "small:1", "still here").await;
    assert_eq!(quick.event().await.unwrap().data()["payload"], "still here");

    // What was received and what was missed is everything, in its order.
    let (mut next, mut gaps) = (0, 0);
    while next < published {
        let block = slow.event().await.unwrap();
        if block.field("event") == Some("__gap") {
            assert_eq!(block.data()["payload"]["reason"], "slow_consumer");
            next += block.data()["payload"]["missed"].as_u64().unwrap();
            gaps += 1;
        } else {
            assert_eq!(block.data()["payload"]["number"], next);
            next += 1;
        }
    }
    assert_eq!(next, published);
    assert!(gaps > 0, "the client did not read and must have missed something");
    assert_eq!(relay.stats().gaps, gaps);
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_where_that_is_the_policy() {
    let target = InProcessEventTarget::in_process();
    let bounds = Bounds::default().bytes(64 << 10).overflow(Overflow::Close);
    let relay = SseRelay::builder(target.clone()).bounds(bounds).build();
    let server = serve(&relay).await;
    let mut slow = server.connect_with_little_room().await;
    slow.open("/events?topic=big").await;
    overwhelm(&target, 0).await;
    let mut last_two = [None, None];
    while let Some(block) = slow.event().await {
        last_two = [last_two[1].take(), Some(block)];
    }
    let [gap, retry] = last_two.map(Option::unwrap);
    assert_eq!(gap.field("event"), Some("__gap"));
    assert!(retry.field("retry").is_some());
    until("nobody listens", || target.stats().subscribers == 0).await;
}

#[tokio::test]
async fn going_away_unsubscribes() {
    let target = InProcessEventTarget::in_process();
    let relay = SseRelay::new(target.clone());
    let server = serve(&relay).await;
    let mut client = server.connect().await;
    client.open("/events?topic=a&topic=b:1&topic=c").await;
    assert_eq!((target.stats().subscribers, relay.stats().active()), (3, 1));
    drop(client);
    until("nobody listens", || target.stats().subscribers == 0).await;
    until("it is counted", || relay.stats().active() == 0).await;
    assert_eq!(target.stats().interests, 0);
}

#[tokio::test]
async fn closing_ends_streams_after_what_was_published() {
    let target = InProcessEventTarget::in_process();
    let retry = Duration::from_millis(700)..=Duration::from_millis(900);
    let relay = SseRelay::builder(target.clone()).retry(retry).build();
    let server = serve(&relay).await;
    let mut client = server.connect().await;
    client.open("/events?topic=a").await;
    dispatch(&target, "a:1", "before").await;
    relay.close();
    dispatch(&target, "a:1", "after").await;
    assert_eq!(client.event().await.unwrap().data()["payload"], "before");
    let mut block = client.event().await.unwrap();
    if block.field("event").is_some() {
        // It was published before the stream noticed.
        block = client.event().await.unwrap();
    }
    let retry: u64 = block.field("retry").unwrap().parse().unwrap();
    assert!((700..=900).contains(&retry), "{retry}");
    assert!(client.event().await.is_none());

    // The connection is as good as before.
    let head = client.get("/events?topic=a").await;
    assert_eq!((head.status, head.headers["retry-after"].as_str()), (503, "5"));
    assert_eq!(relay.stats().refused.total(), 1);
}

#[tokio::test]
async fn closing_the_target_ends_streams() {
    let target = InProcessEventTarget::in_process();
    let server = serve(&SseRelay::new(target.clone())).await;
    let mut client = server.connect().await;
    client.open("/events?topic=a&topic=b").await;
    dispatch(&target, "a:1", 1).await;
    dispatch(&target, "b:1", 2).await;
    target.close().await.unwrap();
    let mut types = [client.event().await.unwrap(), client.event().await.unwrap()]
        .map(|block| block.field("event").unwrap().to_owned());
    types.sort();
    assert_eq!(types, ["a", "b"]);
    assert!(client.event().await.unwrap().field("retry").is_some());
    assert!(client.event().await.is_none());
    assert_eq!(server.connect().await.get("/events?topic=a").await.status, 503);
}

#[tokio::test]
async fn silence_is_broken_by_comments() {
    let relay =
        SseRelay::builder(InProcessEventTarget::in_process()).keep_alive(Duration::from_millis(20)).build();
    let server = serve(&relay).await;
    let mut client = server.connect().await;
    client.open("/events?topic=a").await;
    for _ in 0..3 {
        assert_eq!(client.block().await.unwrap().0, ": keep-alive");
    }
}

struct NoSecrets;

impl Authorizer for NoSecrets {
    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let secret = interest.matches(&"secret:1".parse().unwrap());
        if secret { Err(Denied::new("a secret")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn refusals_are_problem_details() {
    let relay =
        SseRelay::builder(InProcessEventTarget::in_process()).max_topics(2).authorizer(NoSecrets).build();
    let server = serve(&relay).await;
    let mut client = server.connect().await;
    for (query, status, code, topic) in [
        ("", 400, "bad_topic", None),
        ("?topic=", 400, "bad_topic", Some("")),
        ("?topic=ok&topic=not%20ok", 400, "bad_topic", Some("not ok")),
        ("?topic=__gap:1", 400, "reserved_type", Some("__gap:1")),
        ("?topic=*", 403, "forbidden", Some("*")),
        ("?topic=a&topic=secret", 403, "forbidden", Some("secret")),
        ("?topic=a&topic=b&topic=a&topic=c", 400, "too_many_topics", None),
    ] {
        client.send(format!("GET /events{query} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        let (head, problem) = client.answer().await;
        assert_eq!(head.status, status, "{query}");
        assert_eq!(head.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code, "{query}");
        assert_eq!(problem.get("topic").and_then(|topic| topic.as_str()), topic, "{query}");
    }
    let refused: Vec<_> = relay.stats().refused.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(refused, [("bad_topic", 3), ("reserved_type", 1), ("forbidden", 2), ("too_many_topics", 1)]);
    assert_eq!(relay.stats().opened, 0);
}

#[tokio::test]
async fn everything_for_those_allowed() {
    let target = InProcessEventTarget::in_process();
    let server = serve(&SseRelay::builder(target.clone()).allow_everything(true).build()).await;
    let mut client = server.connect().await;
    client.open("/events?topic=*&topic=a").await;
    target.dispatch_event(event("a:1", 1)).await.unwrap();
    target.dispatch_event(event("b:1", 2)).await.unwrap();
    assert_eq!(client.event().await.unwrap().data()["payload"], 1);
    assert_eq!(client.event().await.unwrap().data()["payload"], 2);
}
