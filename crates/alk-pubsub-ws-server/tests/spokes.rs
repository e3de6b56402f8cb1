//! Spokes that speak raw frames to a hub.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Dynamic, EventTarget, Overflow, PubSub};
use alk_pubsub_ws_server::{
    Authorizer, CloseCode, ConnectionInfo, Denied, Disconnected, Limits, WsServerEventTarget,
};
use serde_json::{Value, json};
use support::{Spoke, in_time, start};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn a_welcome_comes_first_and_events_go_both_ways() {
    let hub = WsServerEventTarget::default();
    let address = start(&hub).await;
    let mut spoke = Spoke::connect(address).await;
    let payload = json!({"protocol": 1, "heartbeat_ms": 25000, "max_frame_bytes": 65536, "max_topics": 128});
    assert_eq!(spoke.welcome["payload"], payload);

    let pubsub = PubSub::<Dynamic>::new(hub.clone());
    let mut here = pubsub.subscribe("reply").await.unwrap();
    spoke.subscribe(&["session.status:p1", "message.updated"]).await;
    pubsub.publish("session.status", "p2", json!("other")).await.unwrap();
    let published = pubsub.publish("session.status", "p1", json!({"busy": true})).await.unwrap();
    assert_eq!(published.known_receivers(), Some(1));
    assert_eq!(spoke.next().await, json!({"type": "session.status", "id": "p1", "payload": {"busy": true}}));

    spoke.send(json!({"type": "reply", "id": "x", "payload": 7})).await;
    let reply = in_time(here.recv()).await.unwrap();
    assert_eq!((reply.id(), reply.payload()), ("x", &json!(7)));
    spoke
        .send(json!({"type": "__publish", "id": "r1", "payload": {"type": "reply", "id": "y", "payload": 8}}))
        .await;
    assert_eq!(spoke.next().await, json!({"type": "__published", "id": "r1", "payload": {"receivers": 1}}));
}

#[tokio::test]
async fn an_event_passes_through_byte_for_byte() {
    let hub = WsServerEventTarget::default();
    let address = start(&hub).await;
    let (mut one, mut two) = (Spoke::connect(address).await, Spoke::connect(address).await);
    one.subscribe(&["n"]).await;
    let frame =
        r#"{ "type":"n", "id":"a", "extra":[1], "payload": {"digits": 1.000000000000000000001e+400} }"#;
    two.send_text(frame).await;
    assert_eq!(one.next_text().await, frame);
}

#[tokio::test]
async fn an_event_reaches_a_connection_once_however_many_interests_match() {
    let hub = WsServerEventTarget::default();
    let address = start(&hub).await;
    let mut spoke = Spoke::connect(address).await;
    spoke.subscribe(&["n:a", "n", "*", "n:b"]).await;
    let pubsub = PubSub::<Dynamic>::new(hub.clone());
    for (id, n) in [("a", 1), ("b", 2), ("c", 3)] {
        pubsub.publish("n", id, n.into()).await.unwrap();
    }
    for n in 1..=3 {
        assert_eq!(spoke.next().await["payload"], n);
    }
    spoke.send(json!({"type": "__unsubscribe", "id": "u", "payload": {"topics": ["*", "n"]}})).await;
    assert_eq!(spoke.next().await["type"], "__unsubscribed");
    for (id, n) in [("c", 4), ("b", 5), ("a", 6)] {
        pubsub.publish("n", id, n.into()).await.unwrap();
    }
    assert_eq!(spoke.next().await["payload"], 5);
    assert_eq!(spoke.next().await["payload"], 6);
}

#[tokio::test]
async fn each_refused_topic_has_an_error_of_its_own() {
    struct OnlyOwn;
    impl Authorizer for OnlyOwn {
        fn may_subscribe(
            &self,
            _: &ConnectionInfo,
            interest: &alk_pubsub_core::Interest,
        ) -> Result<(), Denied> {
            if interest.to_string().starts_with("secret") { Err(Denied::new("not yours")) } else { Ok(()) }
        }
        fn may_publish(&self, _: &ConnectionInfo, topic: &alk_pubsub_core::Topic) -> Result<(), Denied> {
            if topic.id() == "locked" { Err(Denied::new("locked")) } else { Ok(()) }
        }
    }
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .authorizer(OnlyOwn)
        .limits(limits(|limits| limits.max_topics = 2))
        .build();
    let mut spoke = Spoke::connect(start(&hub).await).await;
    let topics = ["a:1", "se cret", "secret:x", "__x:1", "b", "c"];
    spoke.send(json!({"type": "__subscribe", "id": "q", "payload": {"topics": topics}})).await;
    let mut codes = Vec::new();
    loop {
        let frame = spoke.next().await;
        assert_eq!(frame["id"], "q");
        if frame["type"] == "__subscribed" {
            assert_eq!(frame["payload"]["topics"], json!(["a:1", "b"]));
            break;
        }
        codes.push((frame["payload"]["topic"].clone(), frame["payload"]["code"].clone()));
    }
    let expected = [
        (json!("se cret"), json!("bad_topic")),
        (json!("secret:x"), json!("forbidden")),
        (json!("__x:1"), json!("reserved_type")),
        (json!("c"), json!("too_many_topics")),
    ];
    assert_eq!(codes, expected);
    spoke.send(json!({"type": "a", "id": "locked", "payload": 0})).await;
    let refused = spoke.next().await;
    // It names no topic: with one, it would say that an interest has ended.
    assert_eq!(
        (&refused["payload"]["code"], &refused["payload"]["topic"]),
        (&json!("forbidden"), &json!(null))
    );
    assert_eq!(refused["payload"]["message"], "locked");
}

#[tokio::test]
async fn bad_frames_are_refused_and_too_many_close_the_connection() {
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .limits(limits(|limits| limits.max_bad_frames = 9))
        .build();
    let mut spoke = Spoke::connect(start(&hub).await).await;
    let bad = [
        ("nonsense", "bad_frame"),
        ("[]", "bad_frame"),
        (r#"{"id":"a"}"#, "bad_frame"),
        (r#"{"type":7}"#, "bad_frame"),
        (r#"{"type":"a","id":null}"#, "bad_frame"),
        (r#"{"type":"a b"}"#, "bad_topic"),
        (r#"{"type":"__published","payload":{"receivers":1}}"#, "reserved_type"),
        (r#"{"type":"__welcome","id":"w"}"#, "reserved_type"),
        (r#"{"type":"__nothing"}"#, "reserved_type"),
    ];
    for (frame, code) in bad {
        spoke.send_text(frame).await;
        let refused = spoke.next().await;
        assert_eq!(refused["payload"]["code"], code, "{frame}");
    }
    let (frames, close) = spoke.closed().await;
    assert_eq!(frames[0]["type"], "__close");
    assert_eq!(u16::from(close.unwrap().code), 1008);
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused_and_one_far_too_large_closes() {
    let hub = WsServerEventTarget::default();
    let address = start(&hub).await;
    let mut spoke = Spoke::connect(address).await;
    let event = |size: usize| json!({"type": "a", "id": "", "payload": "x".repeat(size)});
    spoke.send(event(70_000)).await;
    assert_eq!(spoke.next().await["payload"]["code"], "too_large");
    spoke.subscribe(&["a"]).await;
    spoke.send(event(300_000)).await;
    let (_, close) = spoke.closed().await;
    assert_eq!(u16::from(close.unwrap().code), 1009);
}

#[tokio::test]
async fn a_spoke_target_speaks_to_one_spoke_and_hears_it_alone() {
    let hub = WsServerEventTarget::default();
    let (tell, mut told) = mpsc::channel(8);
    let gone = tell.clone();
    hub.on_connection(move |connection| tell.try_send((connection.clone(), None)).unwrap());
    hub.on_disconnection(move |connection, why| gone.try_send((connection.clone(), Some(why))).unwrap());
    let address = start(&hub).await;
    let mut one = Spoke::connect(address).await;
    let (connection, _) = in_time(told.recv()).await.unwrap();
    assert_eq!(one.welcome["id"], connection.id());
    assert!(connection.info().peer().is_some());
    let mut two = Spoke::connect(address).await;
    in_time(told.recv()).await.unwrap();

    let alone = PubSub::<Dynamic>::new(connection.target());
    let mut from_one = alone.subscribe("hello").await.unwrap();
    two.send(json!({"type": "__publish", "id": "", "payload": {"type": "hello", "id": "two", "payload": 0}}))
        .await;
    assert_eq!(two.next().await["type"], "__published");
    one.send(json!({"type": "hello", "id": "one", "payload": 0})).await;
    assert_eq!(in_time(from_one.recv()).await.unwrap().id(), "one");

    alone.publish("only", "you", json!(1)).await.unwrap();
    assert_eq!(one.next().await, json!({"type": "only", "id": "you", "payload": 1}));

    drop(one);
    let (_, why) = in_time(told.recv()).await.unwrap();
    assert_eq!(why, Some(Disconnected::BySpoke));
    assert!(in_time(from_one.recv()).await.is_none(), "the spoke's subscriptions end");
    assert!(alone.publish("only", "you", json!(2)).await.is_err());
    assert_eq!(hub.connections().len(), 1);
}

/// A spoke that reads nothing while `events` of 1 KiB go by.
async fn stalled(overflow: Overflow) -> (Spoke, usize) {
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .limits(limits(|limits| limits.queue = limits.queue.events(100).overflow(overflow)))
        .build();
    let address = start(&hub).await;
    let mut slow = Spoke::connect(address).await;
    let mut fast = Spoke::connect(address).await;
    slow.subscribe(&["n"]).await;
    fast.subscribe(&["n"]).await;
    let mut publisher = Spoke::connect(address).await;
    let payload = "x".repeat(1000);
    // More than the kernel's buffers hold.
    let events = 20_000;
    let send = async {
        for n in 0..events {
            publisher.send(json!({"type": "n", "id": n.to_string(), "payload": payload})).await;
            assert_eq!(fast.next().await["id"], n.to_string(), "nobody else is delayed");
        }
    };
    send.await;
    (slow, events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_spoke_is_told_its_gap_at_the_place_of_the_loss() {
    let (mut slow, events) = stalled(Overflow::DropOldest).await;
    let (mut next, mut missed) = (0, 0);
    while next < events as u64 {
        let frame = slow.next().await;
        if frame["type"] == "__gap" {
            assert_eq!(frame["payload"]["reason"], "slow_consumer");
            missed += frame["payload"]["missed"].as_u64().unwrap();
            next += frame["payload"]["missed"].as_u64().unwrap();
        } else {
            assert_eq!(frame["id"], next.to_string(), "in order, complete but for the gaps");
            next += 1;
        }
    }
    assert!(missed > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_spoke_is_closed_where_the_policy_says_so() {
    let (mut slow, _) = stalled(Overflow::Close).await;
    let (frames, close) = slow.closed().await;
    assert_eq!(u16::from(close.unwrap().code), 1013);
    let last: Vec<&Value> = frames.iter().rev().take(2).collect();
    assert_eq!(last[0]["type"], "__close");
    assert_eq!(last[1]["type"], "__gap");
}

#[tokio::test]
async fn a_spoke_that_says_nothing_at_all_is_gone_within_the_heartbeat() {
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .limits(limits(|limits| {
            limits.heartbeat = Duration::from_millis(50);
            limits.heartbeat_timeout = Duration::from_millis(50);
        }))
        .build();
    let (tell, mut told) = mpsc::channel(8);
    hub.on_disconnection(move |_, why| tell.try_send(why).unwrap());
    let address = start(&hub).await;
    // Connected, and never polled again, so that its pings are not answered.
    let silent = Spoke::connect(address).await;
    assert_eq!(in_time(told.recv()).await, Some(Disconnected::Silent));
    drop(silent);
}

#[tokio::test]
async fn a_spoke_that_sends_a_frame_byte_by_byte_is_gone_within_the_heartbeat() {
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .limits(limits(|limits| {
            limits.heartbeat = Duration::from_millis(50);
            limits.heartbeat_timeout = Duration::from_millis(50);
        }))
        .build();
    let (tell, mut told) = mpsc::channel(8);
    hub.on_disconnection(move |_, why| tell.try_send(why).unwrap());
    let mut stream = Spoke::connect(start(&hub).await).await.socket.into_inner();
    // Of a frame of 60,000 bytes, of which each is on its way for a while.
    let frame = [0x81, 0xfe, 0xea, 0x60].into_iter().chain(std::iter::repeat(0));
    let dripping = async {
        let mut often = tokio::time::interval(Duration::from_millis(5));
        for byte in frame {
            often.tick().await;
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        why = in_time(told.recv()) => assert_eq!(why, Some(Disconnected::Silent)),
        () = dripping => {}
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_being_connected_when_a_drain_begins_is_told_too() {
    let hub = WsServerEventTarget::default();
    let (here, there) = tokio::io::duplex(4096);
    // Its task has not run yet.
    hub.add_connection(there, None).unwrap();
    let begun = tokio::time::Instant::now();
    let mut spoke = Spoke::over(here).await;
    let (drained, (frames, close)) = tokio::join!(
        async {
            hub.drain(Duration::from_secs(600)).await;
            begun.elapsed()
        },
        spoke.closed()
    );
    assert_eq!(frames.last().unwrap()["payload"]["reason"], "shutdown");
    assert_eq!(u16::from(close.unwrap().code), 1001);
    assert!(drained < Duration::from_secs(60), "{drained:?}");
}

#[tokio::test]
async fn a_drain_tells_every_spoke_when_to_come_back() {
    let hub = WsServerEventTarget::default();
    let address = start(&hub).await;
    let mut spokes = Vec::new();
    for _ in 0..20 {
        spokes.push(Spoke::connect(address).await);
    }
    let draining = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain(Duration::from_secs(60)).await }
    });
    let mut retries = Vec::new();
    for mut spoke in spokes {
        let (frames, close) = spoke.closed().await;
        assert_eq!(frames[0]["type"], "__close");
        assert_eq!(frames[0]["payload"]["reconnect"], true);
        retries.push(frames[0]["payload"]["retry_ms"].as_u64().unwrap());
        assert_eq!(u16::from(close.unwrap().code), 1001);
    }
    in_time(draining).await.unwrap();
    retries.dedup();
    assert!(retries.len() > 1, "they do not come back all at once");
    assert!(hub.connections().is_empty());
}

#[tokio::test]
async fn connections_can_be_counted_closed_and_turned_away() {
    let hub = WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default())
        .max_connections(1)
        .build();
    let address = start(&hub).await;
    let mut spoke = Spoke::connect(address).await;
    let id = spoke.welcome["id"].as_str().unwrap().to_owned();
    let refused = tokio_tungstenite::client_async(
        format!("ws://{address}/ws"),
        tokio::net::TcpStream::connect(address).await.unwrap(),
    );
    match refused.await {
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key("retry-after"));
        }
        other => panic!("full, so not {other:?}"),
    }
    assert!(hub.remove_connection(&id));
    assert!(!hub.remove_connection("nobody"));
    let (frames, close) = spoke.closed().await;
    assert_eq!(frames[0]["payload"]["reconnect"], false);
    assert_eq!(u16::from(close.unwrap().code), u16::from_be_bytes(1000u16.to_be_bytes()));
    assert_eq!(hub.ws_stats().turned_away, 1);
}

#[tokio::test]
async fn a_stream_that_is_already_upgraded_can_be_added() {
    let hub = WsServerEventTarget::new(
        Arc::new(alk_pubsub_core::InProcessEventTarget::default()) as Arc<dyn EventTarget>
    );
    let (near, far) = tokio::io::duplex(1 << 16);
    let connection = hub.add_connection(far, None).unwrap();
    let role = tokio_tungstenite::tungstenite::protocol::Role::Client;
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(near, role, None).await;
    let welcome = in_time(futures_util::StreamExt::next(&mut socket)).await.unwrap().unwrap();
    assert!(welcome.to_text().unwrap().contains(connection.id()));
    connection.close(CloseCode::Policy, "enough", None);
    let frame = in_time(futures_util::StreamExt::next(&mut socket)).await.unwrap().unwrap();
    assert!(frame.to_text().unwrap().contains("__close"));
}
