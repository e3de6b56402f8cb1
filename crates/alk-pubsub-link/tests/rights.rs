//! What a hub tells a spoke whose rights change or end, over a link with paused time.

#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use alk_pubsub_core::{
    Dynamic, Error, ErrorKind, Event, EventFilter, EventTarget, InProcessEventTarget, Interest, Interests,
    PubSub, Published, RoutedEventTarget, Router, Scope, TargetFuture, Upstream,
};
use alk_pubsub_link::{
    Authorizer, BearerToken, ConnectionInfo, Denied, Frames, Identity, MemoryPipe, Pipe, Received,
    ServeOptions, Wire, memory_pipe, serve,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A token is a name, how many seconds it lasts, and what its bearer may subscribe to, with dots in between.
struct Words;

struct May(String);

fn identity(token: &str) -> Result<Identity, Denied> {
    let mut words = token.splitn(3, '.');
    let (Some(subject), Some(seconds), Some(may)) = (words.next(), words.next(), words.next()) else {
        return Err(Denied::new("no token"));
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    Ok(Identity::new(subject).expires_at(end).context(May(may.to_owned())))
}

impl Authorizer for Words {
    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        match connection.identity().find::<May>() {
            Some(May(may)) if interest.to_string().starts_with(may.as_str()) => Ok(()),
            _ => Err(Denied::new("not yours")),
        }
    }

    /// Somebody has to be asked, who says no to what is odd.
    fn subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> TargetFuture<Result<(), Denied>> {
        let odd = interest.to_string().ends_with("odd");
        TargetFuture::boxed(async move {
            tokio::task::yield_now().await;
            if odd { Err(Denied::unavailable("nobody knows")) } else { Ok(()) }
        })
    }

    /// Ids that start with `hidden-` are for nobody, until a token says otherwise.
    fn deliver(&self, connection: &ConnectionInfo) -> Option<EventFilter> {
        let sees_all = connection.identity().find::<May>().is_some_and(|may| may.0.is_empty());
        (!sees_all).then(|| -> EventFilter { Box::new(|event| !event.topic().id().starts_with("hidden-")) })
    }

    fn refresh(&self, _: &ConnectionInfo, token: &BearerToken) -> TargetFuture<Result<Identity, Denied>> {
        TargetFuture::ready(identity(token.as_str()))
    }
}

struct Spoke(MemoryPipe);

impl Spoke {
    async fn new(target: impl EventTarget, token: &str) -> Self {
        let (near, far) = memory_pipe(Wire::Json, 64 << 10);
        let connection = ConnectionInfo::with_identity("c", None, identity(token).unwrap());
        tokio::spawn(serve(target, far, ServeOptions::new(connection).authorizer(Arc::new(Words))));
        let mut spoke = Self(near);
        assert_eq!(spoke.next().await.unwrap()["type"], "__welcome");
        spoke
    }

    fn send(&mut self, frame: &Value) {
        self.0.send([frame.to_string()].into_iter().collect::<Frames>()).unwrap();
        let _ = self.0.poll_flush(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }

    /// The next frame, without its words for people; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        let received = std::future::poll_fn(|cx| match self.0.poll_receive(cx) {
            Poll::Ready(Some(Ok(Received::Frame(frame)))) => Poll::Ready(Some(frame)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => Poll::Pending,
        });
        let mut frame: Value = serde_json::from_slice(&received.await?).unwrap();
        if let Some(payload) = frame["payload"].as_object_mut() {
            payload.remove("message");
        }
        Some(frame)
    }

    async fn asks(&mut self, frame_type: &str, payload: Value) -> Value {
        self.send(&json!({"type": frame_type, "id": "r", "payload": payload}));
        self.next().await.unwrap()
    }

    async fn subscribes(&mut self, topic: &str) {
        let answer = self.asks("__subscribe", json!({"topics": [topic]})).await;
        assert_eq!(answer["type"], "__subscribed", "{answer}");
    }
}

fn ended(code: &str, topic: &str) -> Value {
    json!({"type": "__error", "id": "", "payload": {"code": code, "topic": topic}})
}

fn refused(code: &str) -> Value {
    json!({"type": "__error", "id": "r", "payload": {"code": code}})
}

fn closed(reason: &str) -> Value {
    json!({"type": "__close", "id": "", "payload": {"reason": reason, "reconnect": false, "retry_ms": null}})
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_is_told_in_time_and_ends_the_link() {
    let begin = Instant::now();
    let mut spoke = Spoke::new(InProcessEventTarget::in_process(), "ann.100.").await;
    assert_eq!(
        spoke.next().await.unwrap(),
        json!({"type": "__expiring", "id": "", "payload": {"in_ms": 30_000}})
    );
    assert_eq!(begin.elapsed().as_secs(), 70);
    assert_eq!(spoke.next().await.unwrap(), closed("expired"));
    assert_eq!(begin.elapsed().as_secs(), 100);
    assert_eq!(spoke.next().await, None);

    // Less than that is told at once.
    let mut spoke = Spoke::new(InProcessEventTarget::in_process(), "ann.5.").await;
    let told = spoke.next().await.unwrap();
    assert_eq!((&told["type"], &told["payload"]["in_ms"]), (&json!("__expiring"), &json!(5000)));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_prolongs_and_a_refused_one_changes_nothing() {
    let mut spoke = Spoke::new(InProcessEventTarget::in_process(), "ann.100.").await;
    let answer = spoke.asks("__refresh", json!({"token": "ann.500."})).await;
    assert_eq!(answer, json!({"type": "__refreshed", "id": "r", "payload": {"expires_in_ms": 500_000}}));
    for (token, code) in [("bob.900.", "forbidden"), ("nonsense", "forbidden"), ("ann.0.", "expired")] {
        assert_eq!(spoke.asks("__refresh", json!({"token": token})).await, refused(code), "{token}");
    }
    let begin = Instant::now();
    assert_eq!(spoke.next().await.unwrap()["type"], "__expiring");
    assert_eq!(begin.elapsed().as_secs(), 470);
    let answer = spoke.asks("__refresh", json!({"token": "ann.60."})).await;
    assert_eq!(answer["payload"]["expires_in_ms"], 60_000);
    assert_eq!(spoke.next().await.unwrap()["type"], "__expiring", "of the new token");
    assert_eq!(spoke.next().await.unwrap(), closed("expired"));
    assert_eq!(begin.elapsed().as_secs(), 530);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ends_what_the_new_token_does_not_allow() {
    let hub = InProcessEventTarget::in_process();
    let mut spoke = Spoke::new(hub.clone(), "ann.100.").await;
    spoke.subscribes("a:1").await;
    spoke.subscribes("b:1").await;
    assert_eq!(spoke.asks("__refresh", json!({"token": "ann.100.b"})).await["type"], "__refreshed");
    assert_eq!(spoke.next().await.unwrap(), ended("forbidden", "a:1"));
    assert_eq!(hub.interests(9).len(), 1);
    let pubsub = PubSub::<Dynamic>::new(hub);
    pubsub.publish("a", "1", json!(1)).await.unwrap();
    pubsub.publish("b", "1", json!(2)).await.unwrap();
    assert_eq!(spoke.next().await.unwrap(), json!({"type": "b", "id": "1", "payload": 2}));
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_out_events_and_a_refresh_brings_another() {
    let hub = InProcessEventTarget::in_process();
    let mut spoke = Spoke::new(hub.clone(), "ann.100.a").await;
    spoke.subscribes("a").await;
    let pubsub = PubSub::<Dynamic>::new(hub);
    for id in ["hidden-1", "2"] {
        pubsub.publish("a", id, json!(0)).await.unwrap();
    }
    assert_eq!(spoke.next().await.unwrap()["id"], "2");
    assert_eq!(spoke.asks("__refresh", json!({"token": "ann.100."})).await["type"], "__refreshed");
    pubsub.publish("a", "hidden-3", json!(0)).await.unwrap();
    assert_eq!(spoke.next().await.unwrap()["id"], "hidden-3");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_to_allow_is_refused_by_them() {
    let mut spoke = Spoke::new(InProcessEventTarget::in_process(), "ann.100.").await;
    let answer = spoke.asks("__subscribe", json!({"topics": ["is:odd"]})).await;
    let expected = json!({"code": "unavailable", "topic": "is:odd"});
    assert_eq!((&answer["type"], &answer["payload"]), (&json!("__error"), &expected));
}

/// An upstream that takes away what it has granted.
#[derive(Clone)]
struct Fickle(Router, Interests);

impl Upstream for Fickle {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        Ok(Published::exact(self.0.deliver(event, Scope::ALL)))
    }

    fn interest_added(&self, interest: &Interest) {
        self.1.interest_added(interest);
    }

    fn interest_removed(&self, interest: &Interest) {
        self.1.interest_removed(interest);
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        let changes = self.1.take_changes(usize::MAX);
        changes
            .added
            .iter()
            .chain(&changes.removed)
            .for_each(|each| self.1.confirm(changes.generation, each));
        self.1.confirmed(interest)
    }
}

#[tokio::test(start_paused = true)]
async fn an_interest_that_the_upstream_takes_away_ends_and_the_link_goes_on() {
    let target = RoutedEventTarget::new(|router| Fickle(router, Interests::new()));
    let Fickle(router, interests) = target.upstream().clone();
    for (kind, code) in [(ErrorKind::Denied, "forbidden"), (ErrorKind::Upstream, "unavailable")] {
        let mut spoke = Spoke::new(target.clone(), "ann.100.").await;
        spoke.subscribes("a:1").await;
        spoke.subscribes("a:2").await;
        let gone: Interest = "a:1".parse().unwrap();
        assert!(router.end_interest(&gone, &Error::new(kind, "gone"), || interests.forget_ended(&gone)));
        assert_eq!(spoke.next().await.unwrap(), ended(code, "a:1"));
        let pubsub = PubSub::<Dynamic>::new(target.clone());
        pubsub.publish("a", "2", json!(2)).await.unwrap();
        assert_eq!(spoke.next().await.unwrap()["id"], "2");
        spoke.subscribes("a:1").await;
    }
}
