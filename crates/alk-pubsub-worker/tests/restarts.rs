//! What a host sees of a worker that was started again.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, EventTarget};
use alk_pubsub_worker::{Supervisor, WorkerHost, WorkerThreadEventTarget};
use futures_util::poll;
use support::soon;
use tokio::sync::{Notify, watch};

fn supervisor() -> Supervisor {
    Supervisor::new(WorkerHost::new()).delay(Duration::from_millis(1), Duration::from_millis(1))
}

#[tokio::test]
async fn a_worker_that_was_restarted_is_ready_when_it_says_so_again() {
    let (steps, seen) = watch::channel(0);
    let begun = Arc::new(Notify::new());
    let (begins, lives) = (begun.clone(), AtomicUsize::new(0));
    let main = move |target: WorkerThreadEventTarget| {
        let (mut seen, begins) = (seen.clone(), begins.clone());
        let life = lives.fetch_add(1, Ordering::SeqCst);
        async move {
            if life > 0 {
                begins.notify_one();
                seen.wait_for(|step| *step == 2).await.unwrap();
            }
            target.ready();
            if life == 0 {
                seen.wait_for(|step| *step == 1).await.unwrap();
                return Err("the first life ends badly");
            }
            target.closed().await;
            Ok(())
        }
    };
    let (host, worker) = supervisor().spawn("slow to begin", main).unwrap();
    soon(worker.ready()).await.unwrap();
    assert_eq!(host.state().current(), ConnectionState::Connected);

    steps.send_replace(1);
    soon(begun.notified()).await;
    assert_eq!(host.state().current(), ConnectionState::Reconnecting, "it has not subscribed yet");
    {
        let mut ready = Box::pin(worker.ready());
        assert!(poll!(&mut ready).is_pending(), "it was its earlier life that said so");
        steps.send_replace(2);
        soon(ready).await.unwrap();
    }
    assert_eq!(host.state().current(), ConnectionState::Connected);
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn a_worker_that_never_says_it_is_ready_is_connected_once_it_runs() {
    let lives = AtomicUsize::new(0);
    let begun = Arc::new(Notify::new());
    let begins = begun.clone();
    let main = move |target: WorkerThreadEventTarget| {
        let (first, begins) = (lives.fetch_add(1, Ordering::SeqCst) == 0, begins.clone());
        async move {
            if first {
                return Err("the first life ends badly");
            }
            begins.notify_one();
            target.closed().await;
            Ok(())
        }
    };
    let (host, worker) = supervisor().spawn("says nothing", main).unwrap();
    soon(begun.notified()).await;
    assert_eq!(host.state().current(), ConnectionState::Connected);
    assert!(soon(worker.close()).await.is_success());
}
