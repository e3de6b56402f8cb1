//! Promise 8: dropping is unsubscribing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alk_pubsub_core::{Bounds, Event, Interest, Overflow, Published, Subscription};
use futures_util::FutureExt;
use serde_json::Value;

use crate::kit::Kit;
use crate::numbers::{NUMBER, done, next, publish, subscribed};

async fn subscribe_thrice(kit: &Kit) -> [Subscription<Value>; 3] {
    let subscribing = kit.subscribing();
    [
        subscribed(subscribing.subscribe_to(NUMBER, "1")).await,
        subscribed(subscribing.subscribe(NUMBER).overflow(Overflow::Latest)).await,
        subscribed(subscribing.subscribe_all().overflow(Overflow::Close)).await,
    ]
}

pub(super) async fn what_is_dropped_is_unsubscribed(kit: Kit) {
    let listener = Arc::new(|_: &Event| {});
    for _ in 0..20 {
        let subscriptions = subscribe_thrice(&kit).await;
        let guard = done(kit.subscriber().add_event_listener(Interest::Everything, listener.clone())).await;
        let interests = kit.subscriber().interests(9);
        assert_eq!(interests.len(), 3, "{interests:?}");
        assert!(interests.contains(&(Interest::Everything, 2)), "{interests:?}");
        drop((subscriptions, guard));
        assert_eq!(kit.subscriber().interests(9), []);
    }
}

pub(super) async fn what_is_dropped_receives_nothing(kit: Kit) {
    for _ in 0..20 {
        let subscriptions = subscribe_thrice(&kit).await;
        assert_eq!(publish(&kit.publishing(), "1", 1).await, Published::exact(3));
        drop(subscriptions);
        assert_eq!(publish(&kit.publishing(), "1", 1).await, Published::exact(0));
    }
}

pub(super) async fn one_that_goes_leaves_the_others_alone(kit: Kit) {
    let [mut of_topic, mut of_type, mut of_all] = subscribe_thrice(&kit).await;
    for round in 0..20 {
        let others = subscribe_thrice(&kit).await;
        publish(&kit.publishing(), "1", round).await;
        drop(others);
        for subscription in [&mut of_topic, &mut of_type, &mut of_all] {
            assert_eq!(next(subscription).await, round);
        }
    }
}

pub(super) async fn dropping_needs_no_runtime(kit: Kit) {
    let subscriptions = subscribe_thrice(&kit).await;
    let guard =
        done(kit.subscriber().add_event_listener(Interest::Everything, Arc::new(|_: &Event| {}))).await;
    let elsewhere = std::thread::spawn(move || drop((subscriptions, guard)));
    let elsewhere = tokio::task::spawn_blocking(move || elsewhere.join().is_ok());
    assert!(Kit::within(elsewhere).await.expect("joined"), "a drop panicked");
    let [mut of_topic, ..] = subscribe_thrice(&kit).await;
    publish(&kit.publishing(), "1", 1).await;
    assert_eq!(next(&mut of_topic).await, 1);
}

pub(super) async fn dropping_while_unwinding_is_dropping(kit: Kit) {
    let subscriptions = subscribe_thrice(&kit).await;
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _subscriptions = subscriptions;
        // Without a word on standard error.
        std::panic::resume_unwind(Box::new("unwinding"));
    }));
    assert!(unwound.is_err());
    let [mut of_topic, ..] = subscribe_thrice(&kit).await;
    publish(&kit.publishing(), "1", 1).await;
    assert_eq!(next(&mut of_topic).await, 1);
}

pub(super) async fn giving_up_on_a_subscription_unsubscribes(kit: Kit) {
    for round in 0..50 {
        let interest: Interest = format!("{NUMBER}:{round}").parse().expect("an interest");
        let mut subscribing = kit.subscriber().subscribe_raw(interest, Bounds::default());
        for _ in 0..round % 3 {
            if let Some(subscribed) = (&mut subscribing).now_or_never() {
                drop(subscribed.expect("subscribed"));
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(kit.subscriber().interests(9), []);
}

/// Subscriptions of one topic come and go on several tasks; the one that stays hears.
pub(super) async fn racing_subscribe_and_unsubscribe_converge(kit: Kit) {
    for round in 0..20 {
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let subscribing = kit.subscribing();
                tokio::spawn(async move {
                    let mut kept = None;
                    for _ in 0..5 {
                        drop(kept.take());
                        kept = Some(subscribed(subscribing.subscribe_to(NUMBER, "1")).await);
                        tokio::task::yield_now().await;
                    }
                    kept.filter(|_| task == 0)
                })
            })
            .collect();
        let mut kept = None;
        for task in tasks {
            kept = Kit::within(task).await.expect("a task").or(kept);
        }
        let mut kept = kept.expect("one is kept");
        publish(&kit.publishing(), "1", round).await;
        assert_eq!(next(&mut kept).await, round);
    }
}

pub(super) async fn a_removed_listener_hears_nothing(kit: Kit) {
    let mut witness = subscribed(kit.subscribing().subscribe_to(NUMBER, "1")).await;
    let heard = Arc::new(AtomicU64::new(0));
    let listener = Arc::new({
        let heard = heard.clone();
        move |_: &Event| {
            heard.fetch_add(1, Ordering::SeqCst);
        }
    });
    let interest: Interest = format!("{NUMBER}:1").parse().expect("an interest");
    let target = kit.subscriber();
    for round in 1..20 {
        let guard = done(target.add_event_listener(interest.clone(), listener.clone())).await;
        publish(&kit.publishing(), "1", 0).await;
        next(&mut witness).await;
        Kit::until(|| heard.load(Ordering::SeqCst) == round).await;
        if round % 2 == 0 {
            assert!(target.remove_event_listener(guard.id()));
            assert!(!target.remove_event_listener(guard.id()));
        } else {
            drop(guard);
        }
        publish(&kit.publishing(), "1", 0).await;
        next(&mut witness).await;
        assert_eq!(heard.load(Ordering::SeqCst), round);
    }
}
