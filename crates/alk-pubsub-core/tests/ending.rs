//! What an upstream ends: all there is when it has given up for good, or one interest that was refused.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use alk_pubsub_core::{
    Bounds, Dynamic, Encoding, Error, ErrorKind, Event, EventListener, EventTarget, Feed, FeedItem, Framing,
    Gap, GapReason, InProcessEventTarget, Interest, Interests, Overflow, PubSub, Published,
    RoutedEventTarget, Router, Scope, Subscribe, Subscription, TargetFuture, TryRecvError, Upstream,
};
use futures_util::FutureExt;
use serde_json::{Value, json};

use support::{event, interest, within};

/// In process, with a table of interests that the test answers for.
#[derive(Clone)]
struct Remote {
    router: Router,
    interests: Interests,
}

impl Upstream for Remote {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        Ok(Published::exact(self.router.deliver(event, Scope::ALL)))
    }

    fn interest_added(&self, interest: &Interest) {
        self.interests.interest_added(interest);
    }

    fn interest_removed(&self, interest: &Interest) {
        self.interests.interest_removed(interest);
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        self.grant();
        self.interests.confirmed(interest)
    }
}

impl Remote {
    fn target() -> (RoutedEventTarget<Remote>, Remote) {
        let target = RoutedEventTarget::new(|router| Remote { router, interests: Interests::new() });
        let remote = target.upstream().clone();
        (target, remote)
    }

    fn grant(&self) {
        let changes = self.interests.take_changes(usize::MAX);
        for interest in changes.added.iter().chain(&changes.removed) {
            self.interests.confirm(changes.generation, interest);
        }
    }

    fn take_away(&self, interest: &Interest) -> bool {
        self.router.end_interest(interest, &denied(), || self.interests.forget_ended(interest))
    }
}

fn subscribe<'a>(pubsub: &'a PubSub<Dynamic>, interest: &'a str) -> Subscribe<'a, Value> {
    match interest.split_once(':') {
        Some((event_type, id)) => pubsub.subscribe_to(event_type, id),
        None if interest == "*" => pubsub.subscribe_all(),
        None => pubsub.subscribe(interest),
    }
}

fn denied() -> Error {
    Error::new(ErrorKind::Denied, "not any more")
}

#[derive(Default)]
struct Heard(Mutex<Vec<&'static str>>);

impl EventListener for Heard {
    fn on_event(&self, _: &Event) {
        self.0.lock().unwrap().push("event");
    }

    fn on_gap(&self, _: &Gap) {
        self.0.lock().unwrap().push("gap");
    }

    fn on_close(&self) {
        self.0.lock().unwrap().push("close");
    }
}

#[tokio::test]
async fn an_upstream_that_gives_up_ends_everything_and_says_why() {
    let (target, remote) = Remote::target();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let heard = Arc::new(Heard::default());
    let _listening = target.add_event_listener(interest("*"), heard.clone()).await.unwrap();
    let mut subscriptions = Vec::new();
    for name in ["a:1", "a", "*"] {
        for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Close] {
            subscriptions.push(subscribe(&pubsub, name).overflow(overflow).await.unwrap());
        }
    }
    pubsub.publish("a", "1", json!(0)).await.unwrap();
    assert!(subscriptions.iter().all(|subscription| subscription.ended_by().is_none()));
    remote.router.end(denied());
    remote.router.end(Error::new(ErrorKind::Upstream, "a second reason is none"));
    assert_eq!(remote.router.deliver(event("a:1", 1), Scope::ALL), 0);
    for mut subscription in subscriptions {
        assert_eq!(within(subscription.recv()).await.unwrap().payload(), &json!(0));
        assert!(within(subscription.recv()).await.is_none());
        assert_eq!(subscription.ended_by().unwrap().kind(), ErrorKind::Denied);
    }
    assert_eq!(*heard.0.lock().unwrap(), ["event", "close"]);
    let refused = pubsub.subscribe("b").await.unwrap_err();
    assert_eq!((refused.kind(), refused.to_string()), (ErrorKind::Denied, "not any more".to_owned()));
    pubsub.close().await.unwrap();
    assert_eq!(pubsub.subscribe("b").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn an_ordinary_close_has_no_reason() {
    let (target, remote) = Remote::target();
    let mut subscription = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.unwrap();
    target.close().await.unwrap();
    remote.router.end(denied());
    assert!(within(subscription.recv()).await.is_none());
    assert!(subscription.ended_by().is_none());
}

#[tokio::test]
async fn one_interest_ends_and_can_be_had_again() {
    let (target, remote) = Remote::target();
    let pubsub = PubSub::<Dynamic>::new(target);
    for name in ["a:1", "a", "*"] {
        let mut ended = subscribe(&pubsub, name).await.unwrap();
        let mut other = subscribe(&pubsub, "a:2").await.unwrap();
        pubsub.publish("a", "1", json!("before")).await.unwrap();
        assert!(remote.take_away(&interest(name)), "{name}");
        pubsub.publish("a", "1", json!("after")).await.unwrap();
        pubsub.publish("a", "2", json!("other")).await.unwrap();

        assert_eq!(within(ended.recv()).await.unwrap().payload(), &json!("before"));
        assert!(within(ended.recv()).await.is_none());
        assert_eq!(ended.ended_by().unwrap().kind(), ErrorKind::Denied);
        assert_eq!(within(other.recv()).await.unwrap().payload(), &json!("other"));
        assert!(other.ended_by().is_none());

        // There is nobody left to end, and who comes now is new, also while the old one is still there.
        assert!(!remote.take_away(&interest(name)));
        let mut again = subscribe(&pubsub, name).await.unwrap();
        drop(ended);
        pubsub.publish("a", "1", json!("again")).await.unwrap();
        assert_eq!(within(again.recv()).await.unwrap().payload(), &json!("again"));
        assert!(remote.interests.wanted().contains(&interest(name)));
        drop((again, other));
        remote.grant();
        assert!(remote.interests.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn who_came_after_the_refusal_is_not_ended_by_it() {
    let (target, remote) = Remote::target();
    let pubsub = PubSub::<Dynamic>::new(target);
    let old = subscribe(&pubsub, "a:1").await.unwrap();
    drop(old);
    // The removal is under way when somebody wants it anew: what is taken away is the old one.
    let _changes = remote.interests.take_changes(1);
    let raw = pubsub.target().subscribe_raw(interest("a:1"), Bounds::default());
    assert!(!remote.take_away(&interest("a:1")));
    drop(raw);
}

/// The payload alone.
struct Payloads;

impl Framing for Payloads {
    fn name(&self) -> &'static str {
        "payloads"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, event: &Event, _: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(event.topic().id().as_bytes());
    }
}

fn poll(feed: &mut Feed) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        let polled = feed.poll_items(&mut cx, &Payloads, usize::MAX, &mut |item| {
            seen.push(match item {
                FeedItem::Frames { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap(),
                FeedItem::Gap(gap) => format!("gap {:?}", gap.reason()),
                FeedItem::Ended { interest, error } => {
                    format!("{interest} ended, {:?}", error.map(|error| error.kind()))
                }
                _ => unreachable!("there is nothing else"),
            });
        });
        if polled.is_pending() {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_feed_goes_on_with_what_was_covered_behind_a_gap() {
    let (target, remote) = Remote::target();
    let mut feed = Feed::new();
    for name in ["a:1", "a"] {
        feed.insert(target.subscribe_raw(interest(name), Bounds::default()).await.unwrap());
    }
    target.dispatch_event(event("a:1", 0)).await.unwrap();
    assert!(remote.take_away(&interest("a")));
    // This one nobody brings.
    target.dispatch_event(event("a:1", 1)).await.unwrap();
    assert_eq!(poll(&mut feed), ["1", "a ended, Some(Denied)"]);
    assert!(feed.remove(&interest("a")));
    target.dispatch_event(event("a:1", 2)).await.unwrap();
    target.dispatch_event(event("a:2", 3)).await.unwrap();
    let gap = format!("gap {:?}", GapReason::TransportLag);
    assert_eq!(poll(&mut feed), [gap.as_str(), "1"]);
}

async fn end_one(overflow: Overflow) {
    let target = InProcessEventTarget::in_process();
    let bounds = Bounds::default().overflow(overflow);
    let mut ended = target.subscribe_raw(interest("a:1"), bounds).await.unwrap();
    let mut other = Subscription::<Value>::from(target.subscribe_raw(interest("a:1"), bounds).await.unwrap());
    let handle = ended.end_handle();
    let mut ended = Subscription::<Value>::from(ended);
    target.dispatch_event(event("a:1", 0)).await.unwrap();
    handle.end();
    // More than what is read at once.
    for number in 1..100 {
        target.dispatch_event(event("a:1", number)).await.unwrap();
    }
    assert_eq!(within(ended.recv()).await.unwrap().payload(), &json!(0));
    assert!(within(ended.recv()).await.is_none(), "{overflow:?}");
    assert_eq!(ended.try_recv().unwrap_err(), TryRecvError::Closed);
    assert!(ended.ended_by().is_none());
    for number in 0..100 {
        assert_eq!(within(other.recv()).await.unwrap().payload(), &json!(number));
    }
    assert!(!handle.is_gone());
    drop(ended);
    assert!(handle.is_gone());
    handle.end();
}

#[tokio::test]
async fn a_subscription_is_ended_from_outside() {
    for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Close, Overflow::Block] {
        end_one(overflow).await;
    }
}

/// A reader that publishers wait for has looked ahead when it is ended.
#[tokio::test]
async fn who_has_begun_to_read_is_ended_at_the_same_place() {
    let target = InProcessEventTarget::in_process();
    let bounds = Bounds::default().overflow(Overflow::Block);
    let mut raw = target.subscribe_raw(interest("a:1"), bounds).await.unwrap();
    let handle = raw.end_handle();
    let mut ended = Subscription::<Value>::from(raw);
    for number in 0..4 {
        target.dispatch_event(event("a:1", number)).await.unwrap();
    }
    assert_eq!(within(ended.recv()).await.unwrap().payload(), &json!(0));
    for number in 4..6 {
        target.dispatch_event(event("a:1", number)).await.unwrap();
    }
    handle.end();
    target.dispatch_event(event("a:1", 6)).await.unwrap();
    for number in 1..6 {
        assert_eq!(within(ended.recv()).await.unwrap().payload(), &json!(number));
    }
    assert!(within(ended.recv()).await.is_none());
}

#[tokio::test]
async fn who_waits_is_told_that_a_subscription_was_ended() {
    let target = InProcessEventTarget::in_process();
    for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Block] {
        let bounds = Bounds::default().events(1).overflow(overflow);
        let mut raw = target.subscribe_raw(interest("a"), bounds).await.unwrap();
        let handle = raw.end_handle();
        let mut waiting = Box::pin(async move { Subscription::<Value>::from(raw).recv().await });
        assert!(waiting.as_mut().now_or_never().is_none());
        handle.end();
        assert!(within(waiting).await.is_none(), "{overflow:?}");
    }
    // A publisher that waits for room need not wait for who may never read again.
    let bounds = Bounds::default().events(1).overflow(Overflow::Block);
    let mut full = target.subscribe_raw(interest("a"), bounds).await.unwrap();
    let handle = full.end_handle();
    target.dispatch_event(event("a:1", 0)).await.unwrap();
    let publishing = tokio::spawn(target.dispatch_event(event("a:1", 1)));
    tokio::task::yield_now().await;
    assert!(!publishing.is_finished());
    handle.end();
    within(publishing).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_ended_while_it_was_covered_ends_when_it_is_read_again() {
    let target = InProcessEventTarget::in_process();
    let mut feed = Feed::new();
    let mut covered = target.subscribe_raw(interest("a:1"), Bounds::default()).await.unwrap();
    let handle = covered.end_handle();
    feed.insert(covered);
    feed.insert(target.subscribe_raw(interest("a"), Bounds::default()).await.unwrap());
    handle.end();
    target.dispatch_event(event("a:1", 0)).await.unwrap();
    assert_eq!(poll(&mut feed), ["1"]);
    feed.remove(&interest("a"));
    target.dispatch_event(event("a:1", 1)).await.unwrap();
    assert_eq!(poll(&mut feed), ["a:1 ended, None"]);
}

/// Refuses every interest before anybody asks what became of it, and has forgotten it then.
struct Hasty(Router);

impl Upstream for Hasty {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        Ok(Published::exact(self.0.deliver(event, Scope::ALL)))
    }

    fn interest_added(&self, _: &Interest) {}

    fn interest_removed(&self, _: &Interest) {}

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        let error = Error::new(ErrorKind::Denied, "not for you");
        assert!(self.0.end_interest(interest, &error, || true));
        TargetFuture::ready(Ok(()))
    }
}

#[test]
fn what_was_ended_before_it_was_made_is_not_handed_out() {
    let target = RoutedEventTarget::new(Hasty);
    for name in ["a:b", "a", "*"] {
        let subscribed = target.subscribe_raw(interest(name), Bounds::default()).now_or_never().unwrap();
        assert_eq!(subscribed.unwrap_err().kind(), ErrorKind::Denied);
        let added = target.add_event_listener(interest(name), Arc::new(|_: &Event| {})).now_or_never();
        assert_eq!(added.unwrap().unwrap_err().kind(), ErrorKind::Denied);
    }
    assert!(target.interests(9).is_empty());
}
