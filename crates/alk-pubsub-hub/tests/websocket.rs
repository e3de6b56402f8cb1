//! Every frame, error and close code of the wire protocol, spoken to the running hub. `__gap` is in `real_log.rs`, `__close`
//! and 1001 are in `shutdown.rs`, `forbidden` is in `endpoints.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::{Hub, Spoke, envelope};

fn request(kind: &str, topics: &[&str]) -> String {
    json!({"type": kind, "id": "r", "payload": {"topics": topics}}).to_string()
}

/// The code of the next frame, which is an error.
async fn error(spoke: &mut Spoke) -> (Value, Value) {
    let frame = spoke.frame().await;
    assert_eq!(frame["type"], "__error", "{frame}");
    assert!(frame["payload"]["message"].is_string());
    (frame["payload"]["code"].clone(), frame["id"].clone())
}

#[tokio::test]
async fn the_welcome_says_what_is_allowed() {
    let hub = Hub::start(&["--max-topics", "3", "--max-frame", "4KiB"]).await;
    let (one, other) = (hub.spoke().await.welcome, hub.spoke().await.welcome);
    assert_eq!((&one["payload"]["protocol"], &one["payload"]["heartbeat_ms"]), (&json!(1), &json!(25000)));
    assert_eq!(
        (&one["payload"]["max_topics"], &one["payload"]["max_frame_bytes"]),
        (&json!(3), &json!(4096))
    );
    assert!(one["id"].as_str().is_some_and(|id| !id.is_empty()) && one["id"] != other["id"]);
}

#[tokio::test]
async fn subscribe_publish_unsubscribe() {
    let hub = Hub::start(&[]).await;
    let (mut one, mut other) = (hub.spoke().await, hub.spoke().await);
    one.subscribe(&["a:1", "a", "b:1"]).await;

    // With an answer, without, and by HTTP; each comes once.
    let published = other.publish(&envelope("a:1", json!({"n": 1}))).await;
    assert_eq!((&published["type"], &published["id"]), (&json!("__published"), &json!("p")));
    assert!(published["payload"]["receivers"].as_u64().unwrap() >= 1);
    other.send(envelope("a:1", 2)).await;
    assert_eq!(one.frame().await["payload"], json!({"n": 1}));
    assert_eq!(one.frame().await["payload"], 2);
    hub.connect().await.post("application/json", "{\"type\":\"b\",\"id\":\"1\",\"more\":0}").await;
    let event = one.frame().await;
    assert_eq!(
        (&event["type"], &event["id"], event.get("payload").unwrap_or(&Value::Null)),
        (&json!("b"), &json!("1"), &Value::Null)
    );

    one.send(request("__unsubscribe", &["a", "never:asked"])).await;
    let answer = one.frame().await;
    assert_eq!((&answer["type"], &answer["id"]), (&json!("__unsubscribed"), &json!("r")));
    other.publish(&envelope("a:2", "unheard")).await;
    other.publish(&envelope("a:1", "of another interest")).await;
    assert_eq!(one.frame().await["payload"], "of another interest");
}

#[tokio::test]
async fn of_a_request_what_is_granted_and_what_is_not() {
    let hub = Hub::start(&["--max-topics", "2"]).await;
    let mut spoke = hub.spoke().await;
    spoke.send(request("__subscribe", &["a:1", "not valid", "__gap", "b", "c"])).await;
    let (mut refused, mut granted) = (Vec::new(), None);
    while refused.len() < 3 || granted.is_none() {
        let frame = spoke.frame().await;
        match frame["type"].as_str() {
            Some("__subscribed") => granted = Some(frame["payload"]["topics"].clone()),
            _ => refused.push((frame["payload"]["topic"].clone(), frame["payload"]["code"].clone())),
        }
    }
    refused.sort_by_key(|(topic, _)| topic.to_string());
    assert_eq!(granted, Some(json!(["a:1", "b"])));
    let expected = [("__gap", "reserved_type"), ("c", "too_many_topics"), ("not valid", "bad_topic")];
    assert_eq!(refused, expected.map(|(topic, code)| (json!(topic), json!(code))));
}

#[tokio::test]
async fn what_is_no_frame_is_refused_and_the_connection_stays() {
    let hub = Hub::start(&["--max-frame", "1KiB"]).await;
    let mut spoke = hub.spoke().await;
    let long = envelope("a:1", "x".repeat(1024));
    for (frame, code, reference) in [
        ("hello", "bad_frame", ""),
        ("[\"a\",\"1\",2]", "bad_frame", ""),
        ("{\"id\":\"1\"}", "bad_frame", ""),
        ("{\"type\":7}", "bad_frame", ""),
        ("{\"type\":\"a\",\"id\":7}", "bad_frame", ""),
        ("{\"type\":\"__subscribe\",\"id\":\"7\",\"payload\":{}}", "bad_frame", "7"),
        ("{\"type\":\"a b\",\"id\":\"1\"}", "bad_topic", ""),
        ("{\"type\":\"a\",\"id\":\"\\u0007\"}", "bad_topic", ""),
        ("{\"type\":\"__subscribed\",\"id\":\"7\",\"payload\":{\"topics\":[]}}", "reserved_type", "7"),
        ("{\"type\":\"__dance\",\"id\":\"7\"}", "reserved_type", "7"),
        ("{\"type\":\"__publish\",\"id\":\"7\",\"payload\":{\"type\":\"__close\"}}", "reserved_type", "7"),
        (&long, "too_large", ""),
    ] {
        spoke.send(frame).await;
        let (found, id) = error(&mut spoke).await;
        assert_eq!(found, code, "{frame}");
        assert!(id == reference || id == "", "{frame}: {id}");
    }
    spoke.send_binary(envelope("a:1", 1)).await;
    spoke.send_binary(b"{\"type\":\"a\",\"id\":\"1\",\"other\":\"\xff\"}").await;
    assert_eq!(
        error(&mut spoke).await.0,
        "bad_frame",
        "what is no text would end the connection of who receives it"
    );
    assert_eq!(spoke.publish(&envelope("a:1", 1)).await["type"], "__published");
    let refused = &hub.stats().await["websocket"]["refused"];
    assert_eq!((&refused["bad_frame"], &refused["too_large"]), (&json!(7), &json!(1)));
}

#[tokio::test]
async fn too_much_in_too_short_a_time() {
    let hub = Hub::start(&["--max-publish-rate", "5"]).await;
    let mut spoke = hub.spoke().await;
    for _ in 0..300 {
        spoke.send(request("__unsubscribe", &["a"])).await;
    }
    let (mut refused, mut answered) = (0, 0);
    while refused + answered < 300 {
        match spoke.frame().await {
            frame if frame["payload"]["code"] == "rate_limited" => refused += 1,
            _ => answered += 1,
        }
    }
    assert!(answered >= 200 && refused > 0, "{answered} and {refused}");

    let mut publisher = hub.spoke().await;
    let mut codes = Vec::new();
    while codes.len() < 50 && !codes.contains(&json!("rate_limited")) {
        codes.push(publisher.publish(&envelope("a:1", 1)).await["payload"]["code"].clone());
    }
    assert!(codes.len() > 5 && codes.len() < 50, "{}", codes.len());
}

#[tokio::test]
async fn a_hundred_bad_frames_are_too_many() {
    let hub = Hub::start(&[]).await;
    let mut spoke = hub.spoke().await;
    for _ in 0..100 {
        spoke.send("{").await;
    }
    for _ in 0..100 {
        assert_eq!(error(&mut spoke).await.0, "bad_frame");
    }
    let mut next = spoke.next().await;
    if let Ok(frame) = &next {
        assert_eq!((&frame["type"], &frame["payload"]["reconnect"]), (&json!("__close"), &json!(false)));
        next = spoke.next().await;
    }
    assert_eq!(next, Err(Some(1008)));
}

#[tokio::test]
async fn a_frame_that_is_not_even_read() {
    let hub = Hub::start(&["--max-frame", "1KiB"]).await;
    let mut spoke = hub.spoke().await;
    spoke.send(envelope("a:1", "x".repeat(200_000))).await;
    let mut next = spoke.next().await;
    while next.is_ok() {
        next = spoke.next().await;
    }
    assert_eq!(next, Err(Some(1009)));
}

#[tokio::test]
async fn a_slow_client_is_closed_where_the_hub_is_told_so() {
    let hub = Hub::start(&["--slow-consumer", "close", "--queue", "64KiB"]).await;
    let mut slow = Spoke::connect(hub.socket_with_little_room().await).await;
    slow.subscribe(&["a"]).await;
    let body = format!("{}\n", envelope("a:1", "x".repeat(10_000))).repeat(2000);
    hub.connect().await.post("application/x-ndjson", body).await;
    let mut last = Value::Null;
    let code = loop {
        match slow.next().await {
            Ok(frame) => last = frame,
            Err(code) => break code,
        }
    };
    assert_eq!(code, Some(1013));
    assert_eq!((&last["type"], &last["payload"]["reconnect"]), (&json!("__close"), &json!(true)));
}

#[tokio::test]
async fn who_says_goodbye_hears_goodbye() {
    let hub = Hub::start(&[]).await;
    let mut spoke = hub.spoke().await;
    spoke.say_goodbye(1000).await;
    assert_eq!(spoke.next().await, Err(Some(1000)));
    hub.until("it has gone", |stats| stats["connections"]["websocket"] == 0).await;
}
