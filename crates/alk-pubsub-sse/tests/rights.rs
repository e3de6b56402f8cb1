//! Who is let in, and what is taken back from those who are.

#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub_core::{Event, EventFilter, EventTarget, InProcessEventTarget, Interest, TargetFuture, Topic};
use alk_pubsub_sse::{Authorizer, ConnectionInfo, Denied, Identity, PublishHandler, SseRelay};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use common::{Client, Server, dispatch, until};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What the header says: a name, and how many milliseconds it lasts.
async fn who(mut request: Request, next: Next) -> axum::response::Response {
    if let Some(words) = request.headers().get("x-user") {
        let (name, millis) = words.to_str().unwrap().split_once(' ').unwrap();
        let end = Instant::now() + Duration::from_millis(millis.parse().unwrap());
        let identity = Identity::new(name).expires_at(end);
        request.extensions_mut().insert(identity);
    }
    next.run(request).await
}

/// Strangers may not come in, and nobody may hear or publish `secret` once it is closed time; of `half` one hears only
/// what has an even id.
#[derive(Clone, Default)]
struct House(Arc<AtomicBool>, Arc<Door>);

/// Where `late` waits.
#[derive(Default)]
struct Door {
    asked: Notify,
    answered: Notify,
}

impl Authorizer for House {
    fn connect(&self, connection: &ConnectionInfo) -> TargetFuture<Result<(), Denied>> {
        let stranger = connection.identity().is_anonymous();
        let late = (connection.identity().subject() == Some("late")).then(|| self.1.clone());
        TargetFuture::boxed(async move {
            tokio::task::yield_now().await;
            if let Some(door) = late {
                door.asked.notify_one();
                door.answered.notified().await;
            }
            if stranger { Err(Denied::new("who are you?")) } else { Ok(()) }
        })
    }

    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let closed = self.0.load(Ordering::Relaxed) && interest.to_string().starts_with("secret");
        if closed { Err(Denied::new("we are closed")) } else { Ok(()) }
    }

    fn subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> TargetFuture<Result<(), Denied>> {
        let odd = interest.to_string() == "odd";
        TargetFuture::boxed(
            async move { if odd { Err(Denied::unavailable("nobody knows")) } else { Ok(()) } },
        )
    }

    fn may_publish(&self, connection: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        let own = connection.identity().subject() == Some(topic.id());
        if own { Ok(()) } else { Err(Denied::new("not yours")) }
    }

    fn deliver(&self, _: &ConnectionInfo) -> Option<EventFilter> {
        let even = |event: &Event| event.topic().id().parse().is_ok_and(|id: u32| id.is_multiple_of(2));
        Some(Box::new(move |event| event.topic().event_type().as_str() != "half" || even(event)))
    }
}

struct Hub {
    target: InProcessEventTarget,
    relay: SseRelay,
    publish: PublishHandler,
    house: House,
    server: Server,
}

impl Hub {
    async fn start() -> Self {
        let target = InProcessEventTarget::in_process();
        let house = House::default();
        let relay = SseRelay::builder(target.clone()).authorizer(house.clone()).build();
        let publish = PublishHandler::builder(target.clone()).authorizer(house.clone()).build();
        let app =
            Router::new().route("/events", relay.handler().merge(publish.handler())).layer(from_fn(who));
        Self { target, relay, publish, house, server: Server::start(app).await }
    }

    async fn ask(&self, who: &str, query: &str) -> Client {
        let mut client = self.server.connect().await;
        client.send(format!("GET /events{query} HTTP/1.1\r\nHost: test\r\nX-User: {who}\r\n\r\n")).await;
        client
    }

    async fn open(&self, who: &str, query: &str) -> Client {
        let mut client = self.ask(who, query).await;
        assert_eq!(client.head().await.status, 200);
        assert_eq!(client.block().await.unwrap().0, ": subscribed");
        client
    }
}

/// The type and payload of the next event, without its words for people.
async fn next(client: &mut Client) -> (String, Value) {
    let block = client.event().await.expect("an event");
    let mut data = block.data();
    assert_eq!(block.field("event"), data["type"].as_str());
    if let Some(payload) = data["payload"].as_object_mut() {
        payload.remove("message");
    }
    (data["type"].as_str().unwrap().to_owned(), data["payload"].take())
}

fn closed(reason: &str) -> (String, Value) {
    ("__close".to_owned(), json!({"reason": reason, "reconnect": false, "retry_ms": null}))
}

/// What may come later than when it is due, on a machine that has other things to do.
const LATE: Duration = Duration::from_secs(5);

fn ended(topic: &str) -> (String, Value) {
    ("__error".to_owned(), json!({"code": "forbidden", "topic": topic}))
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let hub = Hub::start().await;
    let mut client = hub.server.connect().await;
    client.send("GET /events?topic=a HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let (head, problem) = client.answer().await;
    assert_eq!((head.status, &problem["detail"]), (403, &json!("who are you?")));
    let (head, problem) = client.post("application/json", r#"{"type":"a"}"#).await;
    assert_eq!((head.status, &problem["code"], &problem["published"]), (403, &json!("forbidden"), &json!(0)));

    let (head, problem) = hub.ask("ann 60000", "?topic=odd").await.answer().await;
    assert_eq!((head.status, &problem["topic"]), (503, &json!("odd")));
}

#[tokio::test]
async fn a_stream_ends_with_the_identity() {
    let hub = Hub::start().await;
    let begin = Instant::now();
    let mut client = hub.open("ann 300", "?topic=a").await;
    let (event, payload) = next(&mut client).await;
    let told = Instant::now();
    assert_eq!(event, "__expiring");
    let left = payload["in_ms"].as_u64().unwrap();
    assert!(left <= 300);
    assert_eq!(next(&mut client).await, closed("expired"));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert!(told.elapsed() < Duration::from_millis(left) + LATE, "{:?}", told.elapsed());
    assert!(client.block().await.is_none());
    assert_eq!(hub.target.stats().subscribers, 0);
}

#[tokio::test]
async fn nothing_is_published_behind_the_end_of_the_identity() {
    let hub = Hub::start().await;
    let mut client = hub.server.connect().await;
    let head = "POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-ndjson";
    client.send(format!("{head}\r\nX-User: ann 300\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    while hub.publish.stats().refused.total() == 0 {
        client.send_chunk("{\"type\":\"a\",\"id\":\"ann\"}\n").await;
        tokio::task::yield_now().await;
    }
    let (head, problem) = client.answer().await;
    assert_eq!((head.status, &problem["code"]), (401, &json!("expired")));
    let published = problem["published"].as_u64().unwrap();
    assert!(published > 0 && problem["line"] == published + 1, "{problem}");
    assert_eq!(hub.publish.stats().published, published);
    assert_eq!(head.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn revoked_topics_end_and_with_the_last_the_stream() {
    let hub = Hub::start().await;
    let mut ann = hub.open("ann 60000", "?topic=secret&topic=a").await;
    let mut bob = hub.open("bob 60000", "?topic=secret").await;
    hub.house.0.store(true, Ordering::Relaxed);
    assert_eq!(hub.relay.revoke(|stream| stream.identity().subject() == Some("ann")), 1);
    assert_eq!(next(&mut ann).await, ended("secret"));
    dispatch(&hub.target, "secret:1", 1).await;
    dispatch(&hub.target, "a:1", 2).await;
    assert_eq!(next(&mut ann).await, ("a".to_owned(), json!(2)));
    assert_eq!(next(&mut bob).await, ("secret".to_owned(), json!(1)));
    assert_eq!(hub.relay.revoke(|_| true), 2);
    assert_eq!(next(&mut bob).await, ended("secret"));
    assert_eq!(next(&mut bob).await, closed("no_topics"));
    assert!(bob.event().await.is_none());
}

#[tokio::test]
async fn topics_are_ended_by_stream_and_topic() {
    let hub = Hub::start().await;
    let mut ann = hub.open("ann 60000", "?topic=a&topic=b").await;
    assert_eq!(hub.relay.unsubscribe(|_, interest| interest.to_string() == "b"), 1);
    assert_eq!(next(&mut ann).await, ended("b"));
    dispatch(&hub.target, "b:1", 1).await;
    dispatch(&hub.target, "a:1", 2).await;
    assert_eq!(next(&mut ann).await, ("a".to_owned(), json!(2)));
}

#[tokio::test]
async fn whom_the_server_disconnects_is_told() {
    let hub = Hub::start().await;
    let mut ann = hub.open("ann 60000", "?topic=a").await;
    let mut bob = hub.open("bob 60000", "?topic=a").await;
    assert_eq!(hub.relay.disconnect(|stream| stream.identity().subject() == Some("bob")), 1);
    assert_eq!(next(&mut bob).await, closed("disconnected"));
    assert!(bob.event().await.is_none());
    dispatch(&hub.target, "a:1", 2).await;
    assert_eq!(next(&mut ann).await, ("a".to_owned(), json!(2)));
    until("forgotten", || hub.relay.revoke(|_| true) == 1).await;
}

#[tokio::test]
async fn whom_the_server_disconnects_while_the_authorizer_thinks_does_not_stay() {
    let hub = Hub::start().await;
    let mut late = hub.ask("late 60000", "?topic=a").await;
    hub.house.1.asked.notified().await;
    assert_eq!(hub.relay.disconnect(|stream| stream.identity().subject() == Some("late")), 1);
    hub.house.1.answered.notify_one();
    assert_eq!(late.head().await.status, 200);
    assert_eq!(next(&mut late).await, closed("disconnected"));
    assert!(late.block().await.is_none());
    until("forgotten", || hub.relay.disconnect(|_| true) == 0).await;
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_not_sent() {
    let hub = Hub::start().await;
    let mut ann = hub.open("ann 60000", "?topic=half").await;
    for (id, number) in [("half:1", 1), ("half:2", 2)] {
        dispatch(&hub.target, id, number).await;
    }
    assert_eq!(next(&mut ann).await, ("half".to_owned(), json!(2)));
}
