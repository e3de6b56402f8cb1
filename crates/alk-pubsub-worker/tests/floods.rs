//! Two sides that publish to each other, with far more events under way than their queues hold.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use alk_pubsub_core::{Bounds, Dynamic, Error, Overflow, PubSub, event_map};
use alk_pubsub_worker::{WorkerThreadEventTarget, spawn};
use support::soon;
use tokio::sync::oneshot;

event_map! { struct Numbers { Number("number") => u64, Answer("answer") => u64 } }

/// How many events a handler publishes for each that it receives, so that the queues are always full.
const EACH: u64 = 3;

#[tokio::test]
async fn handlers_that_publish_more_than_fits_do_not_deadlock() {
    for queue in [1, 2, 7, 64] {
        let bounds = Bounds::default().events(queue);
        let (host, worker) = spawn("handler", move |target: WorkerThreadEventTarget| async move {
            let pubsub = PubSub::<Numbers>::new(target.clone());
            let mut numbers = pubsub.subscribe(Number).bounds(bounds).await?;
            target.ready();
            while let Some(number) = numbers.recv().await {
                for _ in 0..EACH {
                    pubsub.publish(Answer, "", *number.payload()).await?;
                }
            }
            Ok::<(), Error>(())
        })
        .unwrap();
        soon(worker.ready()).await.unwrap();
        let host = PubSub::<Numbers>::new(host);
        let mut answers = host.subscribe(Answer).bounds(bounds).await.unwrap();
        let queue = queue as u64;
        soon(async {
            for number in 0..20 * queue {
                host.publish(Number, "", number).await.unwrap();
            }
            for _ in 0..1_000.max(20 * queue) {
                let answer = *answers.recv().await.expect("open").payload();
                for _ in 0..EACH {
                    host.publish(Number, "", answer).await.unwrap();
                }
            }
        })
        .await;
        assert!(soon(worker.close()).await.is_success());
    }
}

/// Publishes so many events, and receives as many of the other side, in a task each. What it has received, added up.
async fn both_ways(
    pubsub: PubSub<Dynamic>,
    (own, other): (&'static str, &'static str),
    bounds: Bounds,
    events: u64,
    subscribed: impl AsyncFnOnce(),
) -> u64 {
    let mut theirs = pubsub.subscribe(other).bounds(bounds).await.unwrap();
    subscribed().await;
    let publishing = tokio::spawn(async move {
        for number in 0..events {
            pubsub.publish(own, "", number.into()).await.unwrap();
        }
    });
    let mut sum = 0;
    for _ in 0..events {
        sum += theirs.recv().await.unwrap().payload().as_u64().unwrap();
    }
    publishing.await.unwrap();
    assert_eq!(theirs.missed(), 0);
    sum
}

#[tokio::test]
async fn sides_that_make_each_other_wait_go_on_with_a_task_for_each_direction() {
    for queue in [1, 2, 7, 64] {
        let events = 40 * queue as u64;
        let sum = events * (events - 1) / 2;
        let bounds = Bounds::default().events(queue).overflow(Overflow::Block);
        let (begin, begun) = oneshot::channel();
        let (host, worker) = spawn("both ways", move |target: WorkerThreadEventTarget| async move {
            let pubsub = PubSub::new(target.clone());
            let subscribed = async || {
                target.ready();
                begun.await.unwrap();
            };
            assert_eq!(both_ways(pubsub, ("answer", "number"), bounds, events, subscribed).await, sum);
            target.closed().await;
        })
        .unwrap();
        let subscribed = async || {
            worker.ready().await.unwrap();
            begin.send(()).unwrap();
        };
        let received = both_ways(PubSub::new(host), ("number", "answer"), bounds, events, subscribed);
        assert_eq!(soon(received).await, sum);
        assert!(soon(worker.close()).await.is_success());
    }
}
