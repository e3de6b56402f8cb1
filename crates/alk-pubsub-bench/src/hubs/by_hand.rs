use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use axum::serve::ListenerExt;
use dashmap::DashMap;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::sync::broadcast;

/// How many events a topic keeps for those who are slow.
const CAPACITY: usize = 1024;

struct Hub {
    topics: DashMap<String, broadcast::Sender<Utf8Bytes>>,
    /// Write all events that wait before one flush, instead of a flush for each.
    batching: bool,
}

/// The part of an envelope that says where it goes.
#[derive(Deserialize)]
struct Route<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    id: &'a str,
}

#[derive(Deserialize)]
struct Subscribe {
    payload: Topics,
}

#[derive(Deserialize)]
struct Topics {
    topics: [String; 1],
}

#[derive(Deserialize)]
struct Asked {
    topic: String,
}

/// What one writes in an afternoon: a channel for each topic, a task for each connection.
pub(super) fn serve(listener: std::net::TcpListener, batching: bool) -> Result<()> {
    // A worker for each core that this process may use, as `#[tokio::main]` has it.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new()
            .route("/ws", get(upgrade))
            .route("/events", get(events))
            .with_state(Arc::new(Hub { topics: DashMap::new(), batching }));
        let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        Ok(axum::serve(listener, router).await?)
    })
}

async fn upgrade(State(hub): State<Arc<Hub>>, upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(async move |socket| {
        let _ = hub.connection(socket).await;
    })
}

async fn events(
    State(hub): State<Arc<Hub>>,
    Query(Asked { topic }): Query<Asked>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = hub.subscribe(topic);
    Sse::new(stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await.ok()?;
        Some((Ok(Event::default().event("bench.tick").data(text.as_str())), receiver))
    }))
}

impl Hub {
    fn subscribe(&self, topic: String) -> broadcast::Receiver<Utf8Bytes> {
        self.topics.entry(topic).or_insert_with(|| broadcast::channel(CAPACITY).0).subscribe()
    }

    fn publish(&self, text: Utf8Bytes) {
        let Ok(Route { event_type, id }) = serde_json::from_str(&text) else { return };
        if let Some(topic) = self.topics.get(&format!("{event_type}:{id}")) {
            let _ = topic.send(text);
        }
    }

    /// It listens if it asks for a topic at first, and else publishes.
    async fn connection(&self, mut socket: WebSocket) -> Result<(), axum::Error> {
        socket.send(Message::text(r#"{"type":"__welcome","id":"","payload":{}}"#)).await?;
        while let Some(message) = socket.recv().await {
            let Message::Text(text) = message? else { continue };
            if let Ok(Subscribe { payload: Topics { topics: [topic] } }) = serde_json::from_str(&text) {
                let events = self.subscribe(topic);
                return self.listener(socket, events).await;
            }
            self.publish(text);
        }
        Ok(())
    }

    async fn listener(
        &self,
        socket: WebSocket,
        mut events: broadcast::Receiver<Utf8Bytes>,
    ) -> Result<(), axum::Error> {
        let (mut sink, mut frames) = socket.split();
        sink.send(Message::text(r#"{"type":"__subscribed","id":"","payload":{"topics":[]}}"#)).await?;
        let batching = self.batching;
        // A task of its own, so that an event does not have the reading half looked at too.
        let mut forward = tokio::spawn(async move {
            while let Ok(text) = events.recv().await {
                sink.feed(Message::Text(text)).await?;
                while let Some(Ok(text)) = batching.then(|| events.try_recv()) {
                    sink.feed(Message::Text(text)).await?;
                }
                sink.flush().await?;
            }
            Ok::<(), axum::Error>(())
        });
        tokio::select! {
            _ = &mut forward => {}
            () = async { while let Some(Ok(_)) = frames.next().await {} } => forward.abort(),
        }
        Ok(())
    }
}
