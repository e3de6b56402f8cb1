//! Servers that do the handshake and then misbehave.

mod support;

use std::future::Future;
use std::time::{Duration, Instant};

use alk_pubsub_core::{ConnectionState, Dynamic, ErrorKind, EventTarget, PubSub};
use alk_pubsub_ws_client::{ErrorKind as ClientErrorKind, Reconnect, WsClientEventTarget};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use support::in_time;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

type Socket = WebSocketStream<TcpStream>;

/// A server that hands each WebSocket to `serve`, and says when it accepted one.
async fn server<S, F>(serve: S) -> (String, mpsc::Receiver<Instant>)
where
    S: Fn(Socket) -> F + Send + Sync + Clone + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
    let (accepted, connections) = mpsc::channel(100_000);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = accepted.try_send(Instant::now());
            let serve = serve.clone();
            tokio::spawn(async move {
                #[allow(clippy::result_large_err, reason = "tungstenite's")]
                let subprotocol = |_: &Request, mut response: Response| {
                    let name = "alk-pubsub.v1.json".parse().expect("a header");
                    response.headers_mut().insert("sec-websocket-protocol", name);
                    Ok(response)
                };
                if let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, subprotocol).await {
                    serve(socket).await;
                }
            });
        }
    });
    (url, connections)
}

fn welcome() -> Message {
    let welcome = json!({"type": "__welcome", "id": "c", "payload":
        {"protocol": 1, "heartbeat_ms": 25_000, "max_frame_bytes": 65_536, "max_topics": 128}});
    Message::text(welcome.to_string())
}

fn target(url: String) -> WsClientEventTarget {
    let millis = Duration::from_millis;
    let builder = WsClientEventTarget::builder(url)
        .connect_timeout(millis(300))
        .heartbeat(millis(200), millis(200))
        .reconnect(Reconnect::default().min_delay(millis(20)).max_delay(millis(200)));
    builder.build().expect("a target")
}

/// Waits for so many connections; how long they took.
async fn connections(accepted: &mut mpsc::Receiver<Instant>, count: usize) -> Duration {
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(in_time("another connection", accepted.recv()).await.expect("the server is there"));
    }
    times[count - 1] - times[0]
}

#[tokio::test]
async fn silence_instead_of_a_welcome() {
    let (url, mut accepted) = server(|socket| async move {
        let _socket = socket;
        std::future::pending::<()>().await;
    })
    .await;
    let target = target(url);
    let took = connections(&mut accepted, 4).await;
    assert!(took >= Duration::from_millis(900), "{took:?}");
    assert_eq!(target.state().current(), ConnectionState::Connecting);
}

#[tokio::test]
async fn silence_after_the_welcome() {
    let (url, mut accepted) = server(|mut socket| async move {
        // It reads nothing, so it answers no ping.
        let _ = socket.send(welcome()).await;
        std::future::pending::<()>().await;
    })
    .await;
    let target = target(url);
    let took = connections(&mut accepted, 4).await;
    assert!(took >= Duration::from_millis(3 * 360), "{took:?}");
    assert!(target.spoke_stats().connections >= 3);
}

#[tokio::test]
async fn pongs_are_signs_of_life() {
    let (url, mut accepted) = server(|mut socket| async move {
        let _ = socket.send(welcome()).await;
        while socket.next().await.is_some() {}
    })
    .await;
    let target = target(url);
    in_time("connected", target.wait_connected()).await.expect("connected");
    assert!(accepted.recv().await.is_some());
    let later = tokio::time::timeout(Duration::from_millis(2000), accepted.recv()).await;
    assert!(later.is_err(), "the one connection lasts");
    assert_eq!(target.state().current(), ConnectionState::Connected);
}

#[tokio::test]
async fn a_token_that_ends_soon_is_replaced_on_the_same_connection() {
    let (told, mut tokens) = mpsc::channel(1);
    let (url, mut accepted) = server(move |mut socket| {
        let told = told.clone();
        async move {
            let _ = socket.send(welcome()).await;
            let expiring = json!({"type": "__expiring", "id": "", "payload": {"in_ms": 30_000}});
            let _ = socket.send(Message::text(expiring.to_string())).await;
            while let Some(Ok(message)) = socket.next().await {
                if let Ok(text) = message.into_text()
                    && text.contains("__refresh")
                {
                    let _ = told.send(text.to_string()).await;
                }
            }
        }
    })
    .await;
    let number = std::sync::atomic::AtomicUsize::new(0);
    let provider = move || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move { Ok::<_, std::io::Error>(format!("token-{number}")) }
    };
    let _target = WsClientEventTarget::builder(url).token_provider(provider).build().expect("a target");
    let refresh = in_time("a new token", tokens.recv()).await.expect("a frame");
    let refresh: serde_json::Value = serde_json::from_str(&refresh).expect("JSON");
    assert_eq!((&refresh["type"], &refresh["payload"]), (&json!("__refresh"), &json!({"token": "token-1"})));
    assert!(accepted.recv().await.is_some() && accepted.try_recv().is_err(), "one connection");
}

#[tokio::test]
async fn a_server_that_stops_reading_is_given_up_with_all_that_waits_for_it() {
    let (url, mut accepted) = server(|mut socket| async move {
        let _ = socket.send(welcome()).await;
        // Alive as far as it says, but it reads nothing.
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if socket.send(Message::Ping(Default::default())).await.is_err() {
                break;
            }
        }
    })
    .await;
    let target = target(url);
    in_time("connected", target.wait_connected()).await.expect("connected");
    let spoke = PubSub::<Dynamic>::new(target.clone());
    let payload = json!("x".repeat(50_000));
    let error = in_time("noticed", async {
        loop {
            match spoke.try_publish("a", "", payload.clone()) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => break error,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    connections(&mut accepted, 2).await;
}

#[tokio::test]
async fn a_server_that_closes_without_hanging_up_is_heeded_at_once() {
    let (told, mut answers) = mpsc::channel(10);
    let (url, mut accepted) = server(move |mut socket| {
        let told = told.clone();
        async move {
            let _ = socket.send(welcome()).await;
            let frame = CloseFrame { code: CloseCode::Policy, reason: "moved".into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
            while let Some(Ok(message)) = socket.next().await {
                let _ = told.send(message).await;
            }
            std::future::pending::<()>().await;
        }
    })
    .await;
    // Nothing but the close frame says that the connection is over.
    let minute = Duration::from_secs(120);
    let target = WsClientEventTarget::builder(url).heartbeat(minute, minute).build().expect("a target");
    connections(&mut accepted, 3).await;
    let answer = in_time("an answer", answers.recv()).await.expect("the server is there");
    assert!(answer.is_close(), "{answer:?}");
    assert_ne!(target.state().current(), ConnectionState::Closed);
}

#[tokio::test]
async fn the_code_and_reason_of_a_close_frame_are_told() {
    let cases = [
        (CloseCode::Policy, "too many bad frames", ClientErrorKind::Closed),
        (CloseCode::Again, "", ClientErrorKind::Closed),
        (CloseCode::Policy, "forbidden", ClientErrorKind::Refused),
    ];
    for (code, reason, kind) in cases {
        let (url, _accepted) = server(move |mut socket| async move {
            let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
            std::future::pending::<()>().await;
        })
        .await;
        let error = in_time("told", WsClientEventTarget::connect(url)).await.expect_err(reason);
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert_eq!(error.is_retryable(), kind == ClientErrorKind::Closed, "{text}");
        assert!(text.contains(&code.to_string()) && text.contains(reason), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_names_no_subprotocol_is_no_hub_and_is_told_so_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await {
                    while socket.next().await.is_some() {}
                }
            });
        }
    });
    let error = in_time("told", WsClientEventTarget::connect(url)).await.expect_err("no hub");
    assert_eq!((error.kind(), error.is_retryable()), (ClientErrorKind::Protocol, false));
    assert!(error.to_string().contains("alk-pubsub.v1.json"), "{error}");
}

/// A server that knows JSON alone is spoken to in JSON.
#[cfg(feature = "msgpack")]
#[tokio::test]
async fn whoever_wants_messagepack_offers_json_too() {
    let (url, _accepted) = server(|mut socket| async move {
        let _ = socket.send(welcome()).await;
        while socket.next().await.is_some() {}
    })
    .await;
    let target = WsClientEventTarget::builder(url).wire(alk_pubsub_ws_client::Wire::MsgPack);
    in_time("connected", target.connect()).await.expect("connected");
}

#[tokio::test]
async fn garbage_of_all_kinds() {
    let (url, mut accepted) = server(|mut socket| async move {
        let garbage = [
            Message::text("nonsense"),
            Message::text(""),
            Message::binary(vec![0xff; 100]),
            Message::text(r#"{"type":"a"}"#),
            Message::text(format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000))),
        ];
        for message in garbage.iter().cycle() {
            if socket.send(message.clone()).await.is_err() {
                break;
            }
        }
    })
    .await;
    let target = target(url);
    let took = connections(&mut accepted, 30).await;
    assert!(took >= Duration::from_millis(500), "no pause between attempts: {took:?}");
    assert!(target.spoke_stats().bad_frames >= 100);
}

#[tokio::test]
async fn bytes_that_are_no_websocket_frames() {
    let (url, mut accepted) = server(|mut socket| async move {
        let _ = socket.send(welcome()).await;
        let stream = socket.get_mut();
        let _ = stream.write_all(b"HTTP/1.1 500 Oh no\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff").await;
        std::future::pending::<()>().await;
    })
    .await;
    let target = target(url);
    connections(&mut accepted, 3).await;
    assert_ne!(target.state().current(), ConnectionState::Closed);
}

#[tokio::test]
async fn half_a_frame_and_then_nothing() {
    let (url, mut accepted) = server(|mut socket| async move {
        let _ = socket.send(welcome()).await;
        let _ = socket.get_mut().write_all(b"\x81\x7e\x10\x00{\"type\"").await;
        std::future::pending::<()>().await;
    })
    .await;
    let _target = target(url);
    connections(&mut accepted, 3).await;
}
