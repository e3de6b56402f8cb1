//! A spoke and a hub over real sockets, and servers that are no hubs.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alk_pubsub_core::{
    ConnectionState, Dynamic, ErrorKind, EventTarget, InProcessEventTarget, PubSub, Receivers,
};
use alk_pubsub_ws_client::{ErrorKind as WsErrorKind, Reconnect, WsClientEventTarget};
use alk_pubsub_ws_server::WsServerEventTarget;
use serde_json::json;
use support::{Hub, in_time, next};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn events_go_both_ways_and_each_arrives_once() {
    let hub = Hub::start();
    let spoke = PubSub::<Dynamic>::new(hub.spoke().await);
    let mut topic = spoke.subscribe_to("a", "1").await.expect("granted");
    let mut all = spoke.subscribe_all().await.expect("granted");
    let mut at_hub = hub.pubsub().subscribe("a").await.expect("in process");
    let published = spoke.publish("a", "1", json!({"from": "spoke"})).await.expect("published");
    assert!(matches!(published.receivers, Receivers::AtLeast(2..)), "{published:?}");
    hub.pubsub().publish("a", "1", json!({"from": "hub"})).await.expect("published");
    for from in ["spoke", "hub"] {
        for subscription in [&mut topic, &mut all, &mut at_hub] {
            assert_eq!(next(subscription).await, json!({"from": from}));
        }
    }
    spoke.close().await.expect("closed");
    while topic.recv().await.is_some() {}
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn messagepack_is_agreed_upon_where_both_can() {
    let hub = Hub::start();
    let spoke = hub.builder().wire(alk_pubsub_ws_client::Wire::MsgPack);
    let spoke = PubSub::<Dynamic>::new(in_time("connected", spoke.connect()).await.expect("connected"));
    let mut own = spoke.subscribe("a").await.expect("granted");
    for payload in [json!(null), json!([1, 2.5, "é"]), json!({"x": {"y": []}})] {
        spoke.publish("a", "", payload.clone()).await.expect("published");
        assert_eq!(next(&mut own).await, payload);
    }
}

#[tokio::test]
async fn what_was_published_before_closing_has_arrived_when_it_is_closed() {
    let hub = Hub::start();
    let bounds = alk_pubsub_core::Bounds::default().events(100_000);
    let mut at_hub = hub.pubsub().subscribe_all().bounds(bounds).await.expect("in process");
    let spoke = PubSub::<Dynamic>::new(hub.spoke().await);
    for n in 0..5000 {
        while spoke.try_publish("a", "", json!(n)).is_err() {
            tokio::task::yield_now().await;
        }
    }
    in_time("closed", spoke.close()).await.expect("all is sent");
    for n in 0..5000 {
        assert_eq!(next(&mut at_hub).await, json!(n));
    }
}

#[tokio::test]
async fn many_publishers_at_once_keep_their_order() {
    let hub = Hub::start();
    let spoke = PubSub::<Dynamic>::new(hub.spoke().await);
    let bounds = alk_pubsub_core::Bounds::default().events(1_000_000).bytes(256 << 20);
    let mut at_hub = hub.pubsub().subscribe_all().bounds(bounds).await.expect("in process");
    let publishers: Vec<_> = (0..16)
        .map(|publisher: usize| {
            let spoke = spoke.clone();
            tokio::spawn(async move {
                for n in 0..500 {
                    spoke.publish("a", publisher.to_string(), json!(n)).await.expect("published");
                }
            })
        })
        .collect();
    let mut counts = [0u64; 16];
    for _ in 0..16 * 500 {
        let event = in_time("an event", at_hub.recv()).await.expect("open");
        let publisher: usize = event.id().parse().expect("a number");
        assert_eq!(event.payload().as_u64(), Some(counts[publisher]));
        counts[publisher] += 1;
    }
    for publisher in publishers {
        publisher.await.expect("all published");
    }
}

#[tokio::test]
async fn a_hub_that_drains_is_come_back_to_as_it_asks() {
    let hub = Hub::start();
    let target = hub.spoke().await;
    let mut state = target.state();
    hub.server.drain(Duration::from_secs(30)).await;
    in_time("sent away", async { while state.changed().await != ConnectionState::Reconnecting {} }).await;
    let address = hub.kill();
    let _hub = Hub::start_at(address);
    in_time("back", target.wait_connected()).await.expect("back");
}

#[tokio::test]
async fn a_byte_stream_does_for_a_connection() {
    // The handshake done by nobody: both ends are told that it is.
    let server = WsServerEventTarget::new(InProcessEventTarget::in_process());
    let (here, there) = tokio::io::duplex(4096);
    let connection = server.add_connection(there, None).expect("there is room");
    let target = WsClientEventTarget::from_stream(here).expect("a target");
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let mut own = spoke.subscribe("a").await.expect("granted");
    PubSub::<Dynamic>::new(server.clone()).publish("a", "", json!(1)).await.expect("published");
    assert_eq!(next(&mut own).await, json!(1));
    drop(connection);
    server.drain(Duration::from_secs(30)).await;
    let mut state = target.state();
    in_time("ended", async {
        while state.current() != ConnectionState::Closed {
            state.changed().await;
        }
    })
    .await;

    // The handshake done over it.
    let hub = Hub::start();
    let stream = TcpStream::connect(hub.address).await.expect("connected");
    let target = hub.builder().build_over(stream).expect("a target");
    in_time("connected", target.wait_connected()).await.expect("connected");
    PubSub::<Dynamic>::new(target).publish("a", "", json!(1)).await.expect("published");
}

#[tokio::test]
async fn hubs_make_a_tree_and_an_event_crosses_it_once() {
    let root = Hub::start();
    let uplink = root.spoke().await;
    let branch = Hub::serve(([127, 0, 0, 1], 0).into(), || WsServerEventTarget::new(uplink));
    let leaves = [branch.spoke().await, branch.spoke().await, root.spoke().await];
    let pubsubs: Vec<_> =
        leaves.into_iter().map(PubSub::<Dynamic>::new).chain([root.pubsub(), branch.pubsub()]).collect();
    let mut subscriptions = Vec::new();
    for pubsub in &pubsubs {
        subscriptions.push(pubsub.subscribe_all().await.expect("granted"));
        subscriptions.push(pubsub.subscribe_to("a", "1").await.expect("granted"));
    }
    for (n, pubsub) in pubsubs.iter().enumerate() {
        in_time("published", pubsub.publish("a", "1", json!(n))).await.expect("published");
    }
    for subscription in &mut subscriptions {
        for n in 0..pubsubs.len() {
            assert_eq!(next(subscription).await, json!(n));
        }
    }
    // Each way through the tree is in order: had one come twice, it would be here before this.
    pubsubs[0].publish("a", "1", json!("end")).await.expect("published");
    for subscription in &mut subscriptions {
        assert_eq!(next(subscription).await, json!("end"));
    }
}

/// A server that answers every connection with these bytes, and says how many there were.
async fn answers(answer: &'static str) -> (String, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, connections, task)
}

#[tokio::test]
async fn who_is_not_let_in_stops_unless_another_token_may_help() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let answer: &'static str = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").leak();
        let (url, connections, _server) = answers(answer).await;
        let target = WsClientEventTarget::builder(&url).bearer_token("secret").build().expect("a target");
        let error = in_time("refused", target.wait_connected()).await.expect_err("refused");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, false));
        assert_eq!(target.state().current(), ConnectionState::Closed);
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        let error = in_time("refused", WsClientEventTarget::connect(&url)).await.expect_err("refused");
        assert_eq!(error.kind(), WsErrorKind::Refused);

        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let provider = move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, std::io::Error>("secret".to_owned()) }
        };
        let reconnect = Reconnect::default().min_delay(Duration::from_millis(1)).max_attempts(3);
        let target = WsClientEventTarget::builder(&url).token_provider(provider).reconnect(reconnect);
        let target = target.build().expect("a target");
        in_time("gives up", target.wait_connected()).await.expect_err("refused");
        assert_eq!(asked.load(Ordering::SeqCst), 4);
        assert_eq!(connections.load(Ordering::SeqCst), 2 + 4);
    }
}

#[tokio::test]
async fn servers_that_are_no_hubs_are_told_from_hubs() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", true),
        ("SSH-2.0-OpenSSH_9.2\r\n", true),
        ("", true),
    ];
    for (answer, retryable) in cases {
        let (url, connections, _server) = answers(answer).await;
        let error = in_time("an error", WsClientEventTarget::connect(&url)).await.expect_err("no hub");
        assert!(matches!(error.kind(), WsErrorKind::Protocol | WsErrorKind::Io), "{answer:?}: {error:?}");
        assert_eq!(error.is_retryable(), retryable, "{answer:?}: {error:?}");
        if !retryable {
            // Nor is it tried again by a target that tries for ever.
            let target = WsClientEventTarget::builder(&url).build().expect("a target");
            in_time("ended", target.wait_connected()).await.expect_err("no hub");
            assert_eq!(connections.load(Ordering::SeqCst), 2, "{answer:?}");
        }
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = in_time("an error", WsClientEventTarget::connect(format!("ws://{closed}/"))).await;
    let error = error.expect_err("nobody listens");
    assert_eq!((error.kind(), error.is_retryable()), (WsErrorKind::Io, true));
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_hold_up_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
    let started = Instant::now();
    let target = WsClientEventTarget::builder(url).connect_timeout(Duration::from_millis(300));
    let error = in_time("an error", target.connect()).await.expect_err("silence");
    assert_eq!(error.kind(), WsErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn headers_and_the_token_are_sent_and_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let builder = WsClientEventTarget::builder(format!("ws://{address}/ws?x=1"))
        .header("X-Api-Key", "secret-key")
        .header("Origin", "https://app.example")
        .bearer_token("secret-token");
    assert!(!format!("{builder:?}").contains("secret"), "{builder:?}");
    let _target = builder.build().expect("a target");
    let (mut stream, _) = in_time("connected", listener.accept()).await.expect("connected");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(in_time("a request", stream.read_u8()).await.expect("a byte"));
    }
    let request = String::from_utf8(request).expect("text").to_lowercase();
    let expected = [
        "get /ws?x=1 http/1.1".to_owned(),
        format!("host: {address}"),
        "x-api-key: secret-key".to_owned(),
        "origin: https://app.example".to_owned(),
        "authorization: bearer secret-token".to_owned(),
        "sec-websocket-protocol: alk-pubsub.v1.json".to_owned(),
    ];
    for line in expected {
        assert_eq!(request.lines().filter(|other| *other == line).count(), 1, "{line} in {request}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let builder = || WsClientEventTarget::builder("ws://localhost/");
    let wrong = [
        WsClientEventTarget::builder("http://localhost/"),
        builder().header("a b", "c"),
        builder().header("a", "b\r\nc: d"),
        builder().header("Sec-WebSocket-Key", "x"),
        builder().header("host", "x"),
        builder().bearer_token("a\nb"),
    ];
    for builder in wrong {
        let error = builder.build().expect_err("wrong");
        assert_eq!((error.kind(), error.is_retryable()), (WsErrorKind::Config, false));
    }
}
