//! A WebSocket client.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::PATIENCE;

const JSON: &str = "alk-pubsub.v1.json";

pub(crate) struct Spoke {
    socket: WebSocketStream<TcpStream>,
    pub(crate) welcome: Value,
    msgpack: bool,
}

impl Spoke {
    pub(crate) async fn connect(stream: TcpStream) -> Self {
        Self::connect_by(stream, JSON).await
    }

    /// One whose frames are MessagePack; what it is sent is shown as JSON, and what it sends is turned into MessagePack.
    pub(crate) async fn connect_msgpack(stream: TcpStream) -> Self {
        Self::connect_by(stream, "alk-pubsub.v1.msgpack").await
    }

    async fn connect_by(stream: TcpStream, protocol: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let uri = format!("ws://{}/ws", stream.peer_addr().unwrap()).parse().unwrap();
        Self::open(stream, ClientRequestBuilder::new(uri), protocol).await
    }

    /// With a token in a header.
    pub(crate) async fn connect_as(stream: TcpStream, token: &str) -> Self {
        let uri = format!("ws://{}/ws", stream.peer_addr().unwrap()).parse().unwrap();
        Self::open(
            stream,
            ClientRequestBuilder::new(uri).with_header("authorization", format!("Bearer {token}")),
            JSON,
        )
        .await
    }

    /// As browsers do it, with a token among the subprotocols.
    pub(crate) async fn connect_from_browser(stream: TcpStream, token: &str) -> Self {
        let uri = format!("ws://{}/ws", stream.peer_addr().unwrap()).parse().unwrap();
        Self::open(stream, ClientRequestBuilder::new(uri).with_sub_protocol(format!("bearer.{token}")), JSON)
            .await
    }

    async fn open(stream: TcpStream, request: ClientRequestBuilder, protocol: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let request = request.with_sub_protocol(protocol);
        let (socket, response) = timeout(PATIENCE, client_async(request, stream)).await.unwrap().unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        let mut spoke = Self { socket, welcome: Value::Null, msgpack: protocol.ends_with("msgpack") };
        spoke.welcome = spoke.frame().await;
        assert_eq!(spoke.welcome["type"], "__welcome");
        spoke
    }

    pub(crate) async fn send(&mut self, frame: impl Into<String>) {
        let frame = frame.into();
        let message = if self.msgpack {
            let value: Value = serde_json::from_str(&frame).unwrap();
            Message::binary(rmp_serde::to_vec_named(&value).unwrap())
        } else {
            Message::text(frame)
        };
        self.socket.send(message).await.unwrap();
    }

    /// The next frame as it came.
    pub(crate) async fn raw_frame(&mut self) -> String {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            if let Message::Text(text) = message.expect("a frame").unwrap() {
                return text.as_str().to_owned();
            }
        }
    }

    pub(crate) async fn send_binary(&mut self, frame: impl AsRef<[u8]>) {
        self.socket.send(Message::binary(frame.as_ref().to_vec())).await.unwrap();
    }

    pub(crate) async fn say_goodbye(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
    }

    /// The next frame, or `Err` with the close code.
    pub(crate) async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(bytes))) => return Ok(rmp_serde::from_slice(&bytes).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        self.next().await.expect("a frame")
    }

    pub(crate) async fn subscribe(&mut self, topics: &[&str]) {
        self.send(json!({"type": "__subscribe", "id": "s", "payload": {"topics": topics}}).to_string()).await;
        let answer = self.frame().await;
        assert_eq!((&answer["type"], &answer["payload"]["topics"]), (&json!("__subscribed"), &json!(topics)));
    }

    /// Publishes and returns the answer's payload, passing over nothing.
    pub(crate) async fn publish(&mut self, envelope: &str) -> Value {
        self.send(format!("{{\"type\":\"__publish\",\"id\":\"p\",\"payload\":{envelope}}}")).await;
        self.frame().await
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        while self.next().await.is_ok() {}
    }
}
