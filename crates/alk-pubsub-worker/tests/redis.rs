//! Workers of a host that shares a target over Redis take part in what is said there.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Dynamic, EventTarget, PubSub, StateWatch};
use alk_pubsub_redis::{Reconnect, RedisEventTarget};
use alk_pubsub_testkit::redis::Server;
use alk_pubsub_worker::{WorkerHost, from_parent};
use serde_json::json;
use support::{role, soon, this_program};

/// Answers each event of one type with one of another, until it is closed.
async fn answer(
    pubsub: PubSub<Dynamic>,
    (heard, said): (&'static str, &'static str),
    ready: impl FnOnce(),
    answer: impl Fn(u64) -> u64,
) {
    let mut events = pubsub.subscribe(heard).await.unwrap();
    ready();
    while let Some(event) = events.recv().await {
        let number = event.payload().as_u64().unwrap();
        pubsub.publish(said, event.id(), answer(number).into()).await.unwrap();
    }
}

#[tokio::test]
async fn child_main() {
    if role().is_some() {
        let target = from_parent().unwrap();
        let pubsub = PubSub::new(target.clone());
        answer(pubsub, ("double", "sum"), || target.ready(), |number| number + 2).await;
        target.close().await.unwrap();
    }
}

async fn member(server: &Server) -> RedisEventTarget {
    // Short waits, so that tests are.
    let reconnect = Reconnect::default().longest(Duration::from_millis(300));
    RedisEventTarget::builder(server.url()).reconnect(reconnect).connect().await.unwrap()
}

async fn wait_for(mut state: StateWatch, wanted: ConnectionState) {
    soon(async { while state.current() != wanted && state.changed().await != wanted {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_and_a_process_take_part_in_a_space_over_redis() {
    let server = Server::start(&[]);
    let host = WorkerHost::over(member(&server).await);
    let (of_thread, thread) = host
        .spawn("doubles", |target| async move {
            let pubsub = PubSub::new(target.clone());
            answer(pubsub, ("number", "double"), || target.ready(), |number| 2 * number).await;
        })
        .unwrap();
    let (of_process, process) = host.process(this_program("adds")).unwrap();
    soon(thread.ready()).await.unwrap();
    soon(process.ready()).await.unwrap();

    // Somebody else, somewhere else.
    let elsewhere = PubSub::<Dynamic>::new(member(&server).await);
    let mut sums = elsewhere.subscribe("sum").await.unwrap();
    let mut at_the_host = PubSub::<Dynamic>::new(of_process.clone()).subscribe("sum").await.unwrap();
    elsewhere.publish("number", "a", 20.into()).await.unwrap();
    assert_eq!(soon(sums.recv()).await.unwrap().payload(), &json!(42));
    assert_eq!(soon(at_the_host.recv()).await.unwrap().payload(), &json!(42));

    server.kill();
    for state in [of_thread.state(), of_process.state(), elsewhere.state()] {
        wait_for(state, ConnectionState::Reconnecting).await;
    }
    server.restart();
    for state in [of_thread.state(), of_process.state(), elsewhere.state()] {
        wait_for(state, ConnectionState::Connected).await;
    }
    elsewhere.publish("number", "a", 30.into()).await.unwrap();
    assert_eq!(soon(sums.recv()).await.unwrap().payload(), &json!(62), "all of it works again");

    assert!(soon(thread.close()).await.is_success());
    assert!(soon(process.close()).await.is_success());
    assert_eq!(of_thread.state().current(), ConnectionState::Closed);
    assert_eq!(elsewhere.state().current(), ConnectionState::Connected);
}
