//! Workers that are threads: events, life and death.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alk_pubsub_core::{
    Bounds, ConnectionState, Delivery, Dynamic, Error, ErrorKind, EventTarget, GapReason,
    InProcessEventTarget, Interest, Overflow, PubSub, Topic, event_map,
};
use alk_pubsub_worker::{Outcome, Supervisor, WorkerHost, WorkerThreadEventTarget, spawn};

event_map! { struct Numbers { Number("number") => u64, Answer("answer") => u64 } }

/// No test waits for longer.
const BACKSTOP: Duration = Duration::from_secs(60);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BACKSTOP, future).await.expect("it comes in time")
}

fn false_for_sure() -> bool {
    false
}

/// Answers each number with the next one, until its subscription ends.
async fn successor(target: WorkerThreadEventTarget) -> Result<(), Error> {
    let pubsub = PubSub::<Numbers>::new(target.clone());
    let mut numbers = pubsub.subscribe(Number).await?;
    target.ready();
    while let Some(number) = numbers.recv().await {
        pubsub.publish(Answer, number.id(), number.payload() + 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn both_sides_are_ordinary_event_targets() {
    let (host, worker) = spawn("successor", successor).unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).await.unwrap();
    for number in 0..100 {
        let published = host.publish(Number, "a", number).await.unwrap();
        assert_eq!(published.known_receivers(), Some(1));
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &(number + 1));
    }
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn events_cross_by_reference_and_are_never_encoded() {
    struct Payload(Arc<AtomicUsize>);
    impl serde::Serialize for Payload {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("it is not encoded")
        }
    }
    impl<'de> serde::Deserialize<'de> for Payload {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("it is not decoded")
        }
    }
    event_map! { struct Events { Thing("thing") => Payload, Back("back") => Payload } }
    let (host, worker) = spawn("echo", |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Events>::new(target.clone());
        let mut things = pubsub.subscribe(Thing).await?;
        target.ready();
        while let Some(thing) = things.recv().await {
            let count = thing.payload().0.clone();
            count.fetch_add(1, Ordering::SeqCst);
            pubsub.publish(Back, "", Payload(count)).await?;
        }
        Ok::<(), Error>(())
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Events>::new(host);
    let mut back = host.subscribe(Back).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    host.publish(Thing, "", Payload(count.clone())).await.unwrap();
    assert!(Arc::ptr_eq(&soon(back.recv()).await.unwrap().payload().0, &count));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_what_somebody_listens_to_crosses() {
    let (host, worker) = spawn("successor", successor).unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    assert_eq!(host.publish(Answer, "a", 1).await.unwrap().known_receivers(), Some(0));
    assert_eq!(host.publish(Number, "a", 1).await.unwrap().known_receivers(), Some(1));
}

#[tokio::test]
async fn a_worker_that_blocks_delays_nobody_else() {
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let (host, worker) = spawn("blocks", move |target: WorkerThreadEventTarget| async move {
        target.ready();
        blocked.recv().expect("it is released");
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut numbers = host.subscribe(Number).await.unwrap();
    host.publish(Number, "a", 1).await.unwrap();
    assert_eq!(soon(numbers.recv()).await.unwrap().payload(), &1);
    release.send(()).unwrap();
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn block_makes_the_host_wait_for_its_worker() {
    const EVENTS: u64 = 10_000;
    let (host, worker) = spawn("sum", |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let bounds = Bounds::default().events(2).overflow(Overflow::Block);
        let mut numbers = pubsub.subscribe(Number).bounds(bounds).await?;
        target.ready();
        let mut sum = 0;
        for _ in 0..EVENTS {
            sum += numbers.recv().await.expect("open").payload();
        }
        assert_eq!(numbers.missed(), 0);
        pubsub.publish(Answer, "sum", sum).await.map(drop)
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut sum = host.subscribe(Answer).await.unwrap();
    soon(async {
        for number in 0..EVENTS {
            host.publish(Number, "a", number).await.unwrap();
        }
    })
    .await;
    assert_eq!(soon(sum.recv()).await.unwrap().payload(), &(EVENTS * (EVENTS - 1) / 2));
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn a_subscription_that_blocks_publishers_ends_when_the_worker_is_closed() {
    let (host, worker) = spawn("patient", |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let bounds = Bounds::default().events(1).overflow(Overflow::Block);
        let mut numbers = pubsub.subscribe(Number).bounds(bounds).await?;
        target.ready();
        while let Some(number) = numbers.recv().await {
            pubsub.publish(Answer, "a", number.payload() + 1).await?;
        }
        Ok::<(), Error>(())
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).await.unwrap();
    host.publish(Number, "a", 1).await.unwrap();
    assert_eq!(soon(answers.recv()).await.unwrap().payload(), &2);
    assert!(soon(worker.close()).await.is_success(), "the loop has ended by itself");
}

#[tokio::test]
async fn a_host_that_waits_for_a_full_worker_is_told_when_it_dies() {
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let (host, worker) = spawn("full", move |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let bounds = Bounds::default().events(1).overflow(Overflow::Block);
        let _numbers = pubsub.subscribe(Number).bounds(bounds).await?;
        target.ready();
        tokio::task::spawn_blocking(move || blocked.recv()).await.expect("no panic").expect("it is released");
        Ok::<(), Error>(())
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    host.publish(Number, "a", 1).await.unwrap();
    let mut second = Box::pin(host.publish(Number, "a", 2));
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    release.send(()).unwrap();
    // The subscription goes first and then the space, so either the event goes to nobody or there is no target any more.
    match soon(second).await {
        Ok(published) => assert_eq!(published.known_receivers(), Some(0)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
    }
}

/// Each side publishes to the other from the loop in which it receives, as often as it receives.
async fn ping_pong(bounds: Bounds, rounds: u64) {
    let (host, worker) = spawn("pong", move |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let mut numbers = pubsub.subscribe(Number).bounds(bounds).await?;
        target.ready();
        loop {
            tokio::select! {
                number = numbers.recv() => match number {
                    Some(number) => drop(pubsub.publish(Answer, "", *number.payload()).await?),
                    None => return Ok::<(), Error>(()),
                },
                () = target.closed() => return Ok(()),
            }
        }
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).bounds(bounds).await.unwrap();
    soon(async {
        host.publish(Number, "", 0).await.unwrap();
        for _ in 0..rounds {
            let answer = *answers.recv().await.expect("open").payload();
            host.publish(Number, "", answer + 1).await.unwrap();
        }
    })
    .await;
    assert_eq!(answers.missed(), 0);
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn sides_that_publish_from_their_handlers_do_not_deadlock() {
    for events in [1, 2, 7, 1024] {
        ping_pong(Bounds::default().events(events), 500).await;
        ping_pong(Bounds::default().events(events).overflow(Overflow::Block), 500).await;
    }
}

#[tokio::test]
async fn a_flood_in_both_directions_ends_with_all_accounted_for() {
    const EVENTS: u64 = 5_000;
    let bounds = Bounds::default().events(1);
    let (host, worker) = spawn("flood", move |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let mut numbers = pubsub.subscribe(Number).bounds(bounds).await?;
        target.ready();
        let mut received = 0;
        while received + numbers.missed() < EVENTS {
            numbers.recv().await.expect("open");
            received += 1;
            pubsub.publish(Answer, "", received).await?;
        }
        pubsub.publish(Answer, "last", u64::MAX).await.map(drop)
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).bounds(bounds).await.unwrap();
    for number in 0..EVENTS {
        host.publish(Number, "", number).await.unwrap();
    }
    soon(async { while answers.recv().await.expect("open").id() != "last" {} }).await;
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn a_worker_that_is_closed_finishes_what_it_has() {
    const EVENTS: u64 = 500;
    let (host, worker) = spawn("successor", successor).unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).await.unwrap();
    for number in 0..EVENTS {
        host.publish(Number, "a", number).await.unwrap();
    }
    assert!(soon(worker.close()).await.is_success());
    for number in 0..EVENTS {
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &(number + 1));
    }
    assert!(soon(answers.recv()).await.is_none());
    assert_eq!(host.publish(Number, "a", 1).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(host.state().current(), ConnectionState::Closed);
}

#[tokio::test]
async fn a_publisher_goes_no_further_than_the_target_it_was_made_of() {
    let (host, worker) = spawn("closes", |target: WorkerThreadEventTarget| async move {
        let pubsub = PubSub::<Numbers>::new(target.clone());
        let mut numbers = pubsub.subscribe(Number).await?;
        let answers = pubsub.publisher(Answer, "x")?;
        target.ready();
        numbers.recv().await.expect("open");
        assert_eq!(answers.publish(1).await?.known_receivers(), Some(1));
        target.close().await?;
        for refused in [answers.publish(2).await, answers.clone().publish(3).await, answers.try_publish(4)] {
            assert_eq!(refused.expect_err("the worker's side is closed").kind(), ErrorKind::Closed);
        }
        Ok::<(), Error>(())
    })
    .unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe_to(Answer, "x").await.unwrap();
    soon(worker.ready()).await.unwrap();
    host.publish(Number, "", 0).await.unwrap();
    assert!(soon(worker.join()).await.is_success());
    assert_eq!(soon(answers.recv()).await.unwrap().payload(), &1);
    assert!(soon(answers.recv()).await.is_none());
}

#[tokio::test]
async fn closing_the_host_target_closes_the_worker() {
    let (host, worker) = spawn("successor", successor).unwrap();
    soon(worker.ready()).await.unwrap();
    soon(host.close()).await.unwrap();
    soon(host.close()).await.unwrap();
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn who_does_not_end_in_time_is_cancelled() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(dropped.clone());
    let (_host, worker) = spawn("stubborn", move |_| async move {
        let _guard = guard;
        pending::<()>().await;
    })
    .unwrap();
    let outcome = soon(worker.close_within(Duration::from_millis(20))).await;
    assert!(matches!(outcome, Outcome::Cancelled), "{outcome}");
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "its future was dropped on its thread");
}

#[tokio::test]
async fn a_thread_that_blocks_for_ever_is_cut_off() {
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let (host, worker) = spawn("blocks", move |target: WorkerThreadEventTarget| async move {
        target.ready();
        blocked.recv().expect("it is released");
        let error = PubSub::<Numbers>::new(target).publish(Number, "", 1).await.expect_err("it is cut off");
        assert_eq!(error.kind(), ErrorKind::Closed);
    })
    .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).await.unwrap();
    let outcome = soon(worker.close_within(Duration::from_millis(20))).await;
    assert!(matches!(outcome, Outcome::Abandoned), "{outcome}");
    assert!(soon(answers.recv()).await.is_none());
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_panic_is_an_outcome_with_its_message() {
    for (formatted, expected) in [(false, "plain"), (true, "number 7")] {
        let (host, worker) = spawn("panics", move |target: WorkerThreadEventTarget| async move {
            target.ready();
            target.closed().await;
            assert!(formatted, "plain");
            assert!(false_for_sure(), "number {}", 7);
        })
        .unwrap();
        soon(worker.ready()).await.unwrap();
        let host = PubSub::<Numbers>::new(host);
        let mut answers = host.subscribe(Answer).await.unwrap();
        let mut blocking =
            host.subscribe(Answer).bounds(Bounds::default().overflow(Overflow::Block)).await.unwrap();
        let Outcome::Panicked(message) = soon(worker.close()).await else { panic!("it panicked") };
        assert_eq!(message, expected);
        assert!(soon(answers.recv()).await.is_none());
        assert!(soon(blocking.recv()).await.is_none());
    }
}

#[tokio::test]
async fn an_error_is_an_outcome_with_its_source() {
    let (_host, worker) =
        spawn("fails", |_| async { Err::<(), _>(std::io::Error::other("no luck")) }).unwrap();
    assert_eq!(soon(worker.ready()).await.unwrap_err().to_string(), "failed");
    let Outcome::Failed(error) = soon(worker.join()).await else { panic!("it failed") };
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no luck");
}

#[tokio::test]
async fn dropping_the_handle_ends_the_worker() {
    let (host, worker) = spawn("waits", |_| pending::<()>()).unwrap();
    let host = PubSub::<Numbers>::new(host);
    let mut answers = host.subscribe(Answer).await.unwrap();
    drop(worker);
    assert!(soon(answers.recv()).await.is_none());
}

#[test]
fn dropping_works_outside_of_a_runtime() {
    let (host, worker) = spawn("waits", |_| pending::<()>()).unwrap();
    drop(worker);
    drop(host);
}

#[tokio::test]
async fn workers_take_part_in_the_space_of_another_target() {
    let target = InProcessEventTarget::in_process();
    let host = WorkerHost::over(target.clone());
    let (first_host, first) = host.spawn("first", successor).unwrap();
    let (_second_host, second) = host.spawn("second", successor).unwrap();
    soon(first.ready()).await.unwrap();
    soon(second.ready()).await.unwrap();
    let pubsub = PubSub::<Numbers>::new(target.clone());
    let mut answers = pubsub.subscribe(Answer).await.unwrap();
    let mut through_the_first = PubSub::<Numbers>::new(first_host.clone()).subscribe(Answer).await.unwrap();
    assert_eq!(pubsub.publish(Number, "a", 1).await.unwrap().known_receivers(), Some(2));
    for _ in 0..2 {
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &2);
    }
    assert!(soon(first.close()).await.is_success());
    while soon(through_the_first.recv()).await.is_some() {}
    assert_eq!(
        target.state().current(),
        ConnectionState::Connected,
        "the target is not the worker's to close"
    );
    assert_eq!(pubsub.publish(Number, "a", 2).await.unwrap().known_receivers(), Some(1));
    assert_eq!(soon(answers.recv()).await.unwrap().payload(), &3);
    let bounds = Bounds::default().overflow(Overflow::Block);
    let refused = first_host.subscribe_raw(Interest::Everything, bounds).await.unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Unsupported | ErrorKind::Closed), "{refused:?}");
}

#[tokio::test]
async fn nothing_is_left_in_the_space_by_a_worker_that_has_gone() {
    let target = InProcessEventTarget::in_process();
    let (host, worker) = WorkerHost::over(target.clone()).spawn("successor", successor).unwrap();
    soon(worker.ready()).await.unwrap();
    let subscription = PubSub::<Numbers>::new(host).subscribe(Answer).await.unwrap();
    assert_eq!(target.stats().subscribers, 2);
    soon(worker.close()).await;
    drop(subscription);
    assert_eq!((target.stats().subscribers, target.stats().interests), (0, 0));
}

#[tokio::test]
async fn a_supervised_thread_comes_back_with_a_gap() {
    let supervisor =
        Supervisor::new(WorkerHost::new()).delay(Duration::from_millis(1), Duration::from_millis(1));
    let (host, worker) = supervisor
        .spawn("fragile", |target: WorkerThreadEventTarget| async move {
            let pubsub = PubSub::<Numbers>::new(target.clone());
            let mut numbers = pubsub.subscribe(Number).await?;
            pubsub.publish(Answer, "here", 0).await?;
            target.ready();
            while let Some(number) = numbers.recv().await {
                assert_ne!(number.payload(), &13, "unlucky");
                pubsub.publish(Answer, "", number.payload() + 1).await?;
            }
            Ok::<(), Error>(())
        })
        .unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Numbers>::new(host);
    let bounds = Bounds::default().overflow(Overflow::Block);
    let refused = host.subscribe(Answer).bounds(bounds).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "nobody waits for a worker that is not there");
    let mut answers = host.subscribe(Answer).await.unwrap().with_gaps();
    let mut idle = host.subscribe(Number).await.unwrap().with_gaps();
    host.publish(Number, "", 1).await.unwrap();
    host.publish(Number, "", 13).await.unwrap();
    let Some(Delivery::Event(before)) = soon(answers.recv()).await else { panic!("an answer comes first") };
    assert_eq!(before.payload(), &2);
    let Some(Delivery::Gap(gap)) = soon(answers.recv()).await else { panic!("then the gap") };
    assert_eq!((gap.reason(), gap.missed()), (GapReason::Reconnected, None));
    let Some(Delivery::Event(here)) = soon(answers.recv()).await else { panic!("then the next life") };
    assert_eq!(here.id(), "here");
    for _ in 0..2 {
        assert!(matches!(soon(idle.recv()).await, Some(Delivery::Event(_))));
    }
    assert!(matches!(soon(idle.recv()).await, Some(Delivery::Gap(_))), "idle topics have the gap too");
    host.publish(Number, "", 2).await.unwrap();
    let Some(Delivery::Event(after)) = soon(answers.recv()).await else { panic!("it works again") };
    assert_eq!(after.payload(), &3);
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn a_supervisor_gives_up_when_there_were_too_many() {
    let lives = Arc::new(AtomicUsize::new(0));
    let supervisor = Supervisor::new(WorkerHost::new())
        .at_most(3, Duration::from_secs(60))
        .delay(Duration::from_millis(1), Duration::from_millis(1));
    let counted = lives.clone();
    let (_host, worker) = supervisor
        .spawn("hopeless", move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { assert!(false_for_sure(), "again") }
        })
        .unwrap();
    let Outcome::GaveUp { restarts: 3, last } = soon(worker.join()).await else { panic!("it gives up") };
    assert!(matches!(*last, Outcome::Panicked(message) if message == "again"));
    assert_eq!(lives.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_name_that_is_no_name_is_an_error() {
    let error = spawn("a\0b", |_| pending::<()>()).unwrap_err();
    assert_eq!(error.kind(), alk_pubsub_worker::ErrorKind::Spawn);
}

#[tokio::test]
async fn a_listener_hears_of_the_end_once() {
    struct Listener(Arc<AtomicUsize>);
    impl alk_pubsub_core::EventListener for Listener {
        fn on_event(&self, _: &alk_pubsub_core::Event) {}
        fn on_close(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (host, worker) = spawn("waits", |_| pending::<()>()).unwrap();
    let closes = Arc::new(AtomicUsize::new(0));
    let interest = Interest::Topic(Topic::new("number".parse().unwrap(), "").unwrap());
    let guard = host.add_event_listener(interest, Arc::new(Listener(closes.clone()))).await.unwrap();
    drop(worker);
    soon(async {
        while closes.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop((guard, host));
    assert_eq!(closes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_runtime_is_left_neither_by_a_worker_nor_by_what_it_blocks_on() {
    // Dropping a runtime in async code panics, and waits for what blocks. A worker's does neither.
    let (release, blocked) = std::sync::mpsc::sync_channel::<()>(1);
    let (_host, worker) = spawn("leaves", move |_| async move {
        drop(tokio::task::spawn_blocking(move || blocked.recv()));
        drop(tokio::spawn(pending::<()>()));
    })
    .unwrap();
    assert!(soon(worker.join()).await.is_success());
    release.send(()).unwrap();
    let pubsub = PubSub::<Dynamic>::in_process();
    assert_eq!(pubsub.state().current(), ConnectionState::Connected);
}
