//! Dropping is unsubscribing: at once, from anywhere, without waiting and without panicking.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};

use alk_pubsub_core::{
    Bounds, Dynamic, Event, EventTarget, InProcessEventTarget, ListenerGuard, Overflow, PubSub,
    RawSubscription, Subscription, event_map,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use support::{event, interest, no_deadlock, now, subscribe};

fn subscribe_now(target: &InProcessEventTarget, overflow: Overflow) -> Subscription<Value> {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    // No runtime is needed to subscribe in process.
    futures_util::FutureExt::now_or_never(async move { pubsub.subscribe("a").overflow(overflow).await })
        .unwrap()
        .unwrap()
}

const ALL: [Overflow; 4] = [Overflow::DropOldest, Overflow::Latest, Overflow::Block, Overflow::Close];

#[test]
fn outside_of_a_runtime() {
    let target = InProcessEventTarget::in_process();
    for overflow in ALL {
        let subscription = subscribe_now(&target, overflow);
        assert_eq!(target.stats().subscribers, 1);
        drop(subscription);
        assert_eq!((target.stats().subscribers, target.stats().interests), (0, 0));
        assert_eq!(target.try_dispatch_event(event("a:1", 0)).unwrap().known_receivers(), Some(0));
    }
}

#[test]
fn after_the_runtime_is_gone() {
    let target = InProcessEventTarget::in_process();
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let (kept, waiting) = runtime.block_on(async {
        let kept = pubsub.subscribe("a").await.unwrap();
        let mut waiting = pubsub.subscribe("b").await.unwrap();
        (kept, tokio::spawn(async move { waiting.recv().await.map(|_| ()) }))
    });
    drop(runtime);
    assert_eq!(target.stats().interests, 1, "the task took its subscription with it");
    target.try_dispatch_event(event("a:1", 0)).unwrap();
    drop((kept, waiting));
    assert_eq!(target.stats().interests, 0);
}

#[test]
fn while_unwinding() {
    let target = InProcessEventTarget::in_process();
    std::panic::set_hook(Box::new(|_| {}));
    for overflow in ALL {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _subscription = subscribe_now(&target, overflow);
            let _guard: ListenerGuard = now(
                target.add_event_listener(interest("a:1"), Arc::new(|_: &Event| panic!("in a listener")))
            );
            target.try_dispatch_event(event("a:1", 0)).unwrap();
            panic!("in a test");
        }));
        assert!(result.is_err());
    }
    let _ = std::panic::take_hook();
    assert_eq!((target.stats().subscribers, target.stats().interests), (0, 0));
}

thread_local! {
    static KEPT: RefCell<Vec<RawSubscription>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn at_the_end_of_a_thread() {
    let target = InProcessEventTarget::in_process();
    let thread = std::thread::spawn({
        let target = target.clone();
        move || {
            let bounds = Bounds::default().events(1);
            KEPT.with_borrow_mut(|kept| {
                kept.push(subscribe(&target, "a:1"));
                kept.push(now(target.subscribe_raw(interest("a"), bounds.overflow(Overflow::Block))));
                kept.push(now(target.subscribe_raw(interest("*"), bounds)));
            });
            let _ = target.try_dispatch_event(event("a:1", 0));
            let _ = target.try_dispatch_event(event("b:1", 0));
        }
    });
    thread.join().unwrap();
    assert_eq!((target.stats().subscribers, target.stats().interests), (0, 0));
}

/// A static is never dropped: the process ends with it, and with a listener and a waiting task.
#[test]
fn at_the_end_of_the_process() {
    const CHILD: &str = "ALK_TEST_ENDS_WITH_SUBSCRIPTIONS";
    if std::env::var_os(CHILD).is_some() {
        static TARGET: OnceLock<(InProcessEventTarget, Mutex<RawSubscription>)> = OnceLock::new();
        let target = InProcessEventTarget::in_process();
        let (_, subscription) = TARGET.get_or_init(|| (target.clone(), Mutex::new(subscribe(&target, "a"))));
        KEPT.with_borrow_mut(|kept| kept.push(subscribe(&target, "*")));
        now(target.add_event_listener(interest("a"), Arc::new(|_: &Event| {}))).detach();
        target.try_dispatch_event(event("a:1", 0)).unwrap();
        assert_eq!(subscription.lock().unwrap().len(), 1);
        std::process::exit(7);
    }
    let this = std::env::current_exe().unwrap();
    let status = std::process::Command::new(this)
        .args(["--exact", "at_the_end_of_the_process", "--test-threads=1"])
        .env(CHILD, "1")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
}

/// A payload whose drop does what it must not be able to break.
struct Busy {
    target: Option<InProcessEventTarget>,
    subscription: Mutex<Option<RawSubscription>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(target) = &self.target {
            // To the topic that it was published on, and to one that nobody hears.
            let _ = target.try_dispatch_event(event("a:1", 1));
            let _ = target.try_dispatch_event(event("b:1", 1));
            drop(subscribe(target, "a:1"));
            drop(subscribe(target, "a"));
        }
        drop(self.subscription.lock().unwrap().take());
    }
}

impl Serialize for Busy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Busy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self { target: None, subscription: Mutex::new(None) })
    }
}

event_map! {
    struct Events {
        Sent("a") => Busy,
    }
}

/// Wherever a payload is dropped, no lock is held: by the publisher when nobody listens, when it falls out of the log, is
/// conflated, refused, or left behind by the last subscriber.
#[test]
fn payloads_may_publish_and_unsubscribe_when_they_are_dropped() {
    for overflow in ALL {
        no_deadlock(move || {
            let target = InProcessEventTarget::in_process();
            let pubsub = PubSub::<Events>::new(target.clone());
            let send = || {
                let busy = Busy {
                    target: Some(target.clone()),
                    subscription: Mutex::new(Some(subscribe(&target, "a:2"))),
                };
                let _ = pubsub.try_publish(Sent, "1", busy);
            };
            send();
            let bounds = Bounds::default().events(3).overflow(overflow);
            let raw = now(target.subscribe_raw(interest("a:1"), bounds));
            let mut typed =
                futures_util::FutureExt::now_or_never(async { pubsub.subscribe(Sent).bounds(bounds).await })
                    .unwrap()
                    .unwrap();
            let listener = now(target.add_event_listener(interest("a:1"), Arc::new(|_: &Event| {})));
            for round in 0..200 {
                send();
                if round % 7 == 0 {
                    let _ = typed.try_recv();
                }
            }
            drop(raw);
            send();
            drop(typed);
            send();
            drop(listener);
            send();
            // What the log still had is dropped with it.
            assert_eq!(target.interests(9), []);
            now(target.close());
        });
    }
}

#[test]
fn a_target_lives_as_long_as_a_subscription_does() {
    let target = InProcessEventTarget::in_process();
    let router_is_alive = {
        let pubsub = PubSub::<Dynamic>::new(target.clone());
        let subscription = subscribe_now(&target, Overflow::DropOldest);
        drop(target);
        pubsub.try_publish("a", "1", json!(1)).unwrap();
        drop(pubsub);
        subscription
    };
    assert_eq!(router_is_alive.len(), 1);
}
