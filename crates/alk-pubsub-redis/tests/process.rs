//! What a process has left of a target: no threads, and the memory that topics took. In a process of its own, and one
//! after the other, so that only that is measured.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests, helpers included")]

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub_core::{Dynamic, EventTarget, PubSub};
use alk_pubsub_redis::RedisEventTarget;
use alk_pubsub_testkit::redis::{Server, wait_until};
use futures_util::future::try_join_all;
use tokio::time::timeout;

static TURN: Mutex<()> = Mutex::new(());

fn threads() -> usize {
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux");
    tasks.flatten().map(name).filter(|name| name.starts_with("alk-redis")).count()
}

#[test]
fn a_target_has_two_threads_that_end_with_it() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for way in ["drop", "close", "failure"] {
        let builder = RedisEventTarget::builder(server.url()).connect_timeout(Duration::from_secs(30));
        let target = runtime.block_on(builder.connect()).unwrap();
        assert_eq!(threads(), 2);
        match way {
            "close" => runtime.block_on(target.close()).unwrap(),
            "failure" => {
                let wrong = RedisEventTarget::builder(server.url()).username("nobody").password("wrong");
                runtime.block_on(wrong.connect()).unwrap_err();
                wait_until("its threads have ended", || threads() == 2);
            }
            _ => {}
        }
        drop(target);
        wait_until("the threads have ended", || threads() == 0);
    }
    // An attempt that is given up leaves nothing either.
    server.pause();
    let connecting =
        async { timeout(Duration::from_millis(50), RedisEventTarget::builder(server.url()).connect()).await };
    runtime.block_on(connecting).unwrap_err();
    wait_until("the threads have ended", || threads() == 0);
}

#[test]
fn a_hundred_thousand_topics_come_and_go() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(come_and_go(100_000));
}

async fn come_and_go(topics: usize) {
    let server = Server::start(&[]);
    let target = RedisEventTarget::builder(server.url()).prefix("test:").connect().await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    let memory = || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0").trim().to_owned();
        line.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    let mut sizes = Vec::new();
    for round in 0..6 {
        let subscribing =
            (0..topics).map(|topic| pubsub.subscribe_to("many", format!("{round}-{topic}")).into_future());
        let subscriptions =
            timeout(Duration::from_secs(120), try_join_all(subscribing)).await.expect("in time").unwrap();
        assert_eq!(server.command(&["PUBSUB", "CHANNELS"]).list().len(), topics);
        drop(subscriptions);
        wait_until("Redis has none left", || server.command(&["PUBSUB", "CHANNELS"]).list().is_empty());
        sizes.push(memory());
    }
    println!("MiB after each round: {sizes:?}");
    // The allocator keeps what it was given back, more or less of it; what stays in use would add up, and 100 bytes for
    // each topic would be 30 MiB here.
    assert!(sizes[5] <= sizes[2] + 48, "memory does not return: {sizes:?}");
    assert_eq!(pubsub.stats().interests, 0);
}
