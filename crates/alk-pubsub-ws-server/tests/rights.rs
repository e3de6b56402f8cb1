//! Who is let in, and what a hub takes back from those who are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use alk_pubsub_core::{Dynamic, Interest, PubSub, TargetFuture};
use alk_pubsub_ws_server::{Authorizer, ConnectionInfo, Denied, Identity, WsServerEventTarget};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use serde_json::{Value, json};
use support::{Spoke, in_time, serve_app};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};

/// What the header says.
async fn who(mut request: Request, next: Next) -> axum::response::Response {
    let name = request.headers().get("x-user").map(|name| name.to_str().unwrap().to_owned());
    request.extensions_mut().insert(name.map_or(Identity::ANONYMOUS, Identity::new));
    next.run(request).await
}

/// `eve` may not come in, nobody knows `new`, and nobody may hear a type of another's name once it is closed time.
/// `late` waits at the door.
#[derive(Clone, Default)]
struct House(Arc<AtomicBool>, Arc<Door>);

#[derive(Default)]
struct Door {
    asked: Notify,
    answered: Notify,
}

impl Authorizer for House {
    fn connect(&self, connection: &ConnectionInfo) -> TargetFuture<Result<(), Denied>> {
        let (identity, door) = (connection.identity(), self.1.clone());
        TargetFuture::boxed(async move {
            tokio::task::yield_now().await;
            match identity.subject() {
                Some("eve") => Err(Denied::new("not you")),
                Some("old") => Err(Denied::expired("your ticket is of yesterday")),
                Some("new") => Err(Denied::unavailable("nobody knows you yet")),
                Some("late") => {
                    door.asked.notify_one();
                    door.answered.notified().await;
                    Ok(())
                }
                _ => Ok(()),
            }
        })
    }

    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let own = connection.identity().subject().is_some_and(|name| interest.to_string().starts_with(name));
        if own || !self.0.load(Ordering::Relaxed) { Ok(()) } else { Err(Denied::new("we are closed")) }
    }
}

async fn hub() -> (WsServerEventTarget, House, SocketAddr) {
    let house = House::default();
    let target = alk_pubsub_core::InProcessEventTarget::in_process();
    let hub = WsServerEventTarget::builder(target).authorizer(house.clone()).build();
    let app = axum::Router::new().route("/ws", hub.handler()).layer(from_fn(who));
    (hub, house, serve_app(app).await)
}

async fn connect(address: SocketAddr, name: &str) -> Result<Spoke, Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("x-user", name.parse().unwrap());
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let mut spoke = Spoke { socket, welcome: Value::Null };
    spoke.welcome = spoke.next().await;
    Ok(spoke)
}

fn ended(topic: &str, message: &str) -> Value {
    json!({"type": "__error", "id": "", "payload": {"code": "forbidden", "message": message, "topic": topic}})
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let (hub, _, address) = hub().await;
    for (name, status, reason) in [
        ("eve", 403, "not you"),
        ("old", 401, "your ticket is of yesterday"),
        ("new", 503, "nobody knows you yet"),
    ] {
        let Err(Error::Http(answer)) = connect(address, name).await.map(|_| ()) else { panic!("{name}") };
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.into_body().as_deref().map(String::from_utf8_lossy).unwrap(), reason);
    }
    assert_eq!(hub.ws_stats().opened, 0);
    connect(address, "ann").await.unwrap();
}

#[tokio::test]
async fn a_connection_says_who_and_since_when() {
    let before = SystemTime::now();
    let (hub, _, address) = hub().await;
    let _ann = connect(address, "ann").await.unwrap();
    let connection = hub.connections().remove(0);
    assert_eq!(connection.info().identity().subject(), Some("ann"));
    assert!(connection.info().since() >= before && connection.info().since() <= SystemTime::now());
    assert!(connection.info().peer().unwrap().ip().is_loopback());
}

#[tokio::test]
async fn revoked_rights_end_and_others_stay() {
    let (hub, house, address) = hub().await;
    let (mut ann, mut bob) = (connect(address, "ann").await.unwrap(), connect(address, "bob").await.unwrap());
    for spoke in [&mut ann, &mut bob] {
        spoke.subscribe(&["ann", "bob", "public:1"]).await;
    }
    house.0.store(true, Ordering::Relaxed);
    assert_eq!(hub.revoke(|connection| connection.identity().subject() == Some("ann")), 1);
    let mut told = [ann.next().await, ann.next().await];
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, [ended("bob", "we are closed"), ended("public:1", "we are closed")]);
    let pubsub = PubSub::<Dynamic>::new(hub);
    for event_type in ["bob", "ann"] {
        pubsub.publish(event_type, "1", json!(1)).await.unwrap();
    }
    assert_eq!(ann.next().await["type"], "ann");
    // Nobody has told bob.
    assert_eq!(bob.next().await["type"], "bob");
}

#[tokio::test]
async fn interests_are_ended_by_connection_and_interest() {
    let (hub, _, address) = hub().await;
    let (mut ann, mut bob) = (connect(address, "ann").await.unwrap(), connect(address, "bob").await.unwrap());
    for spoke in [&mut ann, &mut bob] {
        spoke.subscribe(&["a:1", "a:2"]).await;
    }
    let told = hub.unsubscribe(|connection, interest| {
        connection.identity().subject() == Some("bob") && interest.to_string() == "a:1"
    });
    assert_eq!(told, 2);
    assert_eq!(bob.next().await, ended("a:1", "the hub has unsubscribed it"));
    let pubsub = PubSub::<Dynamic>::new(hub);
    for id in ["1", "2"] {
        pubsub.publish("a", id, json!(0)).await.unwrap();
    }
    assert_eq!(bob.next().await["id"], "2");
    assert_eq!(ann.next().await["id"], "1");
    // It may ask again.
    bob.subscribe(&["a:1"]).await;
}

#[tokio::test]
async fn whom_the_hub_disconnects_is_not_to_come_back() {
    let (hub, _, address) = hub().await;
    let (mut ann, mut bob) = (connect(address, "ann").await.unwrap(), connect(address, "bob").await.unwrap());
    assert_eq!(hub.disconnect(|connection| connection.identity().subject() == Some("bob")), 1);
    let (frames, close) = in_time(bob.closed()).await;
    let payload = json!({"reason": "disconnected", "reconnect": false, "retry_ms": null});
    assert_eq!(frames, [json!({"type": "__close", "id": "", "payload": payload})]);
    assert_eq!(u16::from(close.unwrap().code), 1008);
    ann.subscribe(&["a"]).await;
}

#[tokio::test]
async fn whom_the_hub_disconnects_while_the_authorizer_thinks_is_sent_away_too() {
    let (hub, house, address) = hub().await;
    let arriving = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("x-user", "late".parse().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        in_time(Spoke { socket, welcome: Value::Null }.closed()).await
    };
    let disconnecting = async {
        in_time(house.1.asked.notified()).await;
        assert_eq!((hub.connections().len(), hub.ws_stats().connections), (0, 0), "it is not there yet");
        assert_eq!(hub.disconnect(|connection| connection.identity().subject() == Some("late")), 1);
        house.1.answered.notify_one();
    };
    let ((frames, close), ()) = tokio::join!(arriving, disconnecting);
    assert_eq!(frames.last().unwrap()["payload"]["reason"], "disconnected");
    assert_eq!(u16::from(close.unwrap().code), 1008);
    in_time(hub.drain(std::time::Duration::from_secs(600))).await;
    assert_eq!(hub.disconnect(|_| true), 0, "nothing is left of it");
}
