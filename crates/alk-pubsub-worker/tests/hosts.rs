//! What the options and the behaviour of a host mean for its processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::mpsc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, Dynamic, InProcessEventTarget, Overflow, PubSub};
use alk_pubsub_worker::{ErrorKind, WorkerHost, from_parent, process};
use serde_json::json;
use support::{role, soon, this_program};

/// Answers each number with the next one.
#[tokio::test]
async fn child_main() {
    if role().is_none() {
        return;
    }
    let target = from_parent().unwrap();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut numbers = pubsub.subscribe("number").await.unwrap();
    target.ready();
    while let Some(number) = numbers.recv().await {
        let next = number.payload().as_u64().unwrap() + 1;
        pubsub.publish("answer", number.id(), next.into()).await.unwrap();
    }
}

#[tokio::test]
async fn a_host_that_is_blocked_keeps_its_workers() {
    let (host, worker) = process(this_program("successor")).unwrap();
    let host = PubSub::<Dynamic>::new(host);
    let mut answers = host.subscribe("answer").await.unwrap();
    // Longer than the time that a link over a network has for each of its steps. Nothing of the link runs meanwhile.
    let (_never, nothing) = mpsc::sync_channel::<()>(1);
    nothing.recv_timeout(Duration::from_secs(11)).unwrap_err();
    soon(worker.ready()).await.unwrap();
    host.publish("number", "a", 1.into()).await.unwrap();
    assert_eq!(soon(answers.recv()).await.unwrap().payload(), &json!(2));
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn a_queue_that_no_process_can_have_is_refused_at_the_start() {
    let wrong = [
        Bounds::default().events(0),
        Bounds::default().bytes(0),
        Bounds::default().overflow(Overflow::Block),
    ];
    for bounds in wrong {
        for host in [WorkerHost::new(), WorkerHost::over(InProcessEventTarget::in_process())] {
            let refused = host.queue(bounds).process(this_program("successor")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Config, "{bounds:?}");
            assert!(!refused.is_retryable());
        }
    }
}
