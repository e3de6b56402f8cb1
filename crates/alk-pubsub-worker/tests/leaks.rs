//! Workers that come and go leave nothing behind: threads, processes, descriptors.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::future::pending;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_worker::{from_parent, process, spawn};
use support::{role, soon, this_program, until};

const CYCLES: usize = 1_000;

#[tokio::test]
async fn child_main() {
    if role().is_some() {
        let target = from_parent().unwrap();
        target.ready();
        pending::<()>().await;
    }
}

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// What this process has.
#[derive(Debug, Clone, Copy)]
struct Held {
    threads: usize,
    descriptors: usize,
    children: usize,
}

impl Held {
    /// Whether there is no more of anything than there was.
    fn is_within(self, before: Held) -> bool {
        self.threads <= before.threads
            && self.descriptors <= before.descriptors
            && self.children <= before.children
    }
}

fn held() -> Held {
    let children: usize = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .map(|children| children.split_whitespace().count())
        .sum();
    Held { threads: entries("/proc/self/task"), descriptors: entries("/proc/self/fd"), children }
}

#[tokio::test]
async fn a_thousand_workers_of_each_kind_leave_nothing_behind() {
    // What is made once and stays: the reaper of the runtime, say.
    for _ in 0..2 {
        let (_host, worker) = process(this_program("waits")).unwrap();
        assert!(held().children >= 1, "this kernel does not say which children a process has");
        soon(worker.close_within(std::time::Duration::ZERO)).await;
    }
    until("the first workers are gone", || held().children == 0).await;
    let before = held();

    for cycle in 0..CYCLES {
        let (host, worker) = spawn("short", |_| pending::<()>()).unwrap();
        let subscription = PubSub::<Dynamic>::new(host).subscribe("a").await.unwrap();
        if cycle % 2 == 0 {
            drop(worker);
        } else {
            soon(worker.close_within(std::time::Duration::ZERO)).await;
        }
        drop(subscription);
        // Not all at once: what is let go of needs a moment.
        until("threads do not pile up", || held().threads < before.threads + 16).await;
    }
    until(&format!("threads and descriptors are as before, {before:?}"), || held().is_within(before)).await;

    for cycle in 0..CYCLES {
        let (host, worker) = process(this_program("waits")).unwrap();
        let subscription = PubSub::<Dynamic>::new(host).subscribe("a").await.unwrap();
        if cycle % 50 == 0 {
            soon(worker.ready()).await.unwrap();
        }
        drop(worker);
        drop(subscription);
        until("processes do not pile up", || held().children < 16).await;
    }
    until(&format!("processes and descriptors are as before, {before:?}"), || held().is_within(before)).await;
    println!("before {before:?}, after {:?}", held());
}
