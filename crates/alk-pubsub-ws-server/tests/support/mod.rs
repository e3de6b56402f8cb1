//! A hub on a port of its own, and a WebSocket that speaks raw frames to it.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use alk_pubsub_ws_server::WsServerEventTarget;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

/// A backstop; nothing here takes long.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("within the deadline")
}

pub(crate) async fn start(hub: &WsServerEventTarget) -> SocketAddr {
    serve_app(axum::Router::new().route("/ws", hub.handler())).await
}

pub(crate) async fn serve_app(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    address
}

pub(crate) struct Spoke<S = TcpStream> {
    pub(crate) socket: WebSocketStream<S>,
    pub(crate) welcome: Value,
}

impl Spoke {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!("ws://{address}/ws").into_client_request().unwrap();
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let mut spoke = Self { socket, welcome: Value::Null };
        spoke.welcome = spoke.next().await;
        assert_eq!(spoke.welcome["type"], "__welcome");
        spoke
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Spoke<S> {
    /// Over a stream whose handshake is done, of which nothing is read yet.
    pub(crate) async fn over(stream: S) -> Self {
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Self { socket, welcome: Value::Null }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, frame: &str) {
        in_time(self.socket.send(Message::text(frame))).await.unwrap();
    }

    /// The next frame; pings are passed over.
    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.next_text().await).unwrap()
    }

    pub(crate) async fn next_text(&mut self) -> String {
        loop {
            match in_time(self.socket.next()).await.expect("open").expect("a frame") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("a text frame was expected, not {other:?}"),
            }
        }
    }

    /// The close frame, after frames that are returned.
    pub(crate) async fn closed(&mut self) -> (Vec<Value>, Option<CloseFrame>) {
        let mut frames = Vec::new();
        loop {
            match in_time(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => frames.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(close))) => return (frames, close),
                Some(Ok(_)) => {}
                other => panic!("a close frame was expected, not {other:?}"),
            }
        }
    }

    pub(crate) async fn subscribe(&mut self, topics: &[&str]) {
        self.send(json!({"type": "__subscribe", "id": "s", "payload": {"topics": topics}})).await;
        let answer = self.next().await;
        assert_eq!(answer, json!({"type": "__subscribed", "id": "s", "payload": {"topics": topics}}));
    }
}
