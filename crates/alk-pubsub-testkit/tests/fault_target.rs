//! A target with faults: each is seen, those that keep the promises do, and those that break one are found out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{
    Delivery, Dynamic, ErrorKind, EventTarget, Gap, GapReason, InProcessEventTarget, PubSub, WithGaps,
};
use alk_pubsub_testkit::{
    Capabilities, EventFaultCounts, EventFaults, FaultTarget, Making, Space, TargetFactory, conformance,
    run_check,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A target with faults before one of this process, on which others publish.
struct Faulty(EventFaults);

impl TargetFactory for Faulty {
    fn name(&self) -> &'static str {
        "in process, heard over a connection that can be cut"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().interests().outages()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let everybody = InProcessEventTarget::in_process();
            let faulty = FaultTarget::new(everybody.clone(), self.0);
            Space::pair(Arc::new(everybody), Arc::new(faulty.clone())).with_faults(faulty)
        })
    }
}

/// The same one for both.
struct FaultyBothWays;

impl TargetFactory for FaultyBothWays {
    fn name(&self) -> &'static str {
        "in process, behind a connection that can be cut"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().exact_receivers().interests().outages()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let faulty = FaultTarget::new(InProcessEventTarget::in_process(), EventFaults::none());
            Space::new(Arc::new(faulty.clone())).with_faults(faulty)
        })
    }
}

conformance!(listening, Faulty(EventFaults::none()));
conformance!(both_ways, FaultyBothWays);

#[test]
fn the_suite_finds_what_comes_twice_and_what_changes_places() {
    let doubles = EventFaults::seeded(1).duplicates(5);
    let swaps = EventFaults::seeded(1).reorders(5);
    let mut overlooked = Vec::new();
    for (faults, check) in [
        (doubles, "an_event_comes_once_to_each_of_several_subscriptions"),
        (doubles, "an_event_comes_once_while_other_interests_come_and_go"),
        (doubles, "a_publisher_hears_its_own_events_once"),
        (swaps, "one_publishers_events_on_a_topic_come_in_the_order_published"),
        (swaps, "dispatches_take_their_place_when_they_are_called"),
    ] {
        if catch_unwind(AssertUnwindSafe(|| run_check(&Faulty(faults), check))).is_ok() {
            overlooked.push((faults, check));
        }
    }
    assert!(overlooked.is_empty(), "{overlooked:?}");
}

/// Both ends: where events come from, and the target with faults.
fn ends(faults: EventFaults) -> (PubSub<Dynamic>, FaultTarget) {
    let everybody = InProcessEventTarget::in_process();
    let faulty = FaultTarget::new(everybody.clone(), faults);
    (PubSub::new(everybody), faulty)
}

async fn subscribe(target: &FaultTarget) -> WithGaps<Value> {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    pubsub.subscribe_to("number", "1").await.expect("subscribed").with_gaps()
}

async fn publish(pubsub: &PubSub<Dynamic>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        pubsub.publish("number", "1", json!(number)).await.expect("published");
    }
}

/// All that is there, up to the end.
async fn all(mut subscription: WithGaps<Value>) -> Vec<Result<u64, Gap>> {
    let mut all = Vec::new();
    while let Some(delivery) = subscription.recv().await {
        all.push(read(delivery));
    }
    all
}

fn read(delivery: Delivery<Value>) -> Result<u64, Gap> {
    match delivery {
        Delivery::Event(event) => Ok(event.payload().as_u64().expect("a number")),
        Delivery::Gap(gap) => Err(gap),
    }
}

/// What 500 events become.
async fn run(faults: EventFaults) -> (Vec<Result<u64, Gap>>, EventFaultCounts) {
    let (everybody, faulty) = ends(faults);
    let subscription = subscribe(&faulty).await;
    publish(&everybody, 0..500).await;
    faulty.close().await.expect("closed");
    (all(subscription).await, faulty.faults())
}

#[tokio::test]
async fn what_is_dropped_stands_in_a_gap_at_its_place() {
    let (seen, counts) = run(EventFaults::seeded(3).drops(10)).await;
    let mut expected = 0;
    for read in &seen {
        match read {
            Ok(number) => assert_eq!(*number, expected, "{seen:?}"),
            Err(gap) => assert_eq!(gap.reason(), GapReason::TransportLag),
        }
        expected += read.map_or_else(|gap| gap.missed().expect("a count"), |_| 1);
    }
    assert_eq!(expected, 500);
    assert!((20..100).contains(&counts.drops), "{counts:?}");
    assert_eq!(seen.iter().filter(|read| read.is_ok()).count() as u64, 500 - counts.drops);
}

#[tokio::test]
async fn the_same_seed_is_the_same_faults() {
    let faults = |seed| EventFaults::seeded(seed).drops(10).duplicates(10).reorders(10);
    let first = run(faults(5)).await;
    assert_eq!(run(faults(5)).await, first);
    assert_ne!(run(faults(6)).await, first);
    // Another kind of fault leaves the others where they were.
    let (_, counts) = run(faults(5).reorders(0)).await;
    assert_eq!((counts.drops, counts.reorders), (first.1.drops, 0));
}

#[tokio::test]
async fn what_is_duplicated_comes_twice_and_what_is_reordered_behind_the_next() {
    let (seen, counts) = run(EventFaults::seeded(1).duplicates(10)).await;
    assert_eq!(seen.len() as u64, 500 + counts.duplicates);
    assert!(counts.duplicates > 20 && seen.is_sorted_by_key(|read| read.expect("no gap")));

    let (seen, counts) = run(EventFaults::seeded(1).reorders(10)).await;
    let back = seen.windows(2).filter(|two| two[0].expect("no gap") > two[1].expect("no gap")).count();
    assert_eq!(seen.len(), 500);
    // The last one may have had nobody to follow it.
    assert!(counts.reorders > 20 && (counts.reorders - 1..=counts.reorders).contains(&(back as u64)));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_held_back_comes_when_none_follows() {
    let (everybody, faulty) = ends(EventFaults::seeded(1).reorders(1));
    let mut subscription = subscribe(&faulty).await;
    publish(&everybody, 0..1).await;
    let begun = Instant::now();
    assert_eq!(subscription.recv().await.map(read), Some(Ok(0)));
    assert_eq!(begun.elapsed().as_millis() / 10, 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_delayed_comes_late_and_in_order() {
    let longest = Duration::from_millis(100);
    let (everybody, faulty) = ends(EventFaults::seeded(1).delays(10, longest));
    let subscription = subscribe(&faulty).await;
    publish(&everybody, 0..500).await;
    let begun = Instant::now();
    faulty.close().await.expect("closed");
    assert_eq!(all(subscription).await, (0..500).map(Ok).collect::<Vec<_>>());
    let delays = faulty.faults().delays;
    let took = begun.elapsed();
    assert!(delays > 20 && took > longest && took < longest * u32::try_from(delays).unwrap(), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_waits_than_there_is_room_for() {
    let (everybody, faulty) = ends(EventFaults::seeded(1).delays(1, Duration::from_secs(1)));
    let mut subscription = subscribe(&faulty).await;
    publish(&everybody, 0..5000).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|read: &Result<_, _>| read.is_ok()) {
        seen.push(read(subscription.recv().await.expect("open")));
    }
    let lost = seen.pop().and_then(Result::err).and_then(|gap| gap.missed()).expect("a gap at the end");
    assert_eq!(seen, (0..seen.len() as u64).map(Ok).collect::<Vec<_>>());
    assert_eq!((seen.len() as u64 + lost, faulty.faults().drops), (5000, lost));
    assert!(seen.len() <= 1024);
    // And afterwards there is room again.
    publish(&everybody, 0..1).await;
    assert_eq!(subscription.recv().await.map(read), Some(Ok(0)));
}

#[tokio::test]
async fn a_lost_connection_is_a_gap_and_an_error_for_publishers() {
    let (everybody, faulty) = ends(EventFaults::none());
    let pubsub = PubSub::<Dynamic>::new(faulty.clone());
    let mut subscription = subscribe(&faulty).await;
    let mut state = faulty.state();
    publish(&everybody, 0..1).await;
    faulty.disconnect();
    faulty.disconnect();
    assert_eq!(state.changed().await, alk_pubsub_core::ConnectionState::Reconnecting);
    publish(&everybody, 1..3).await;
    let refused = pubsub.publish("number", "1", json!(3)).await.expect_err("there is no connection");
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::Disconnected, true));
    assert_eq!(
        pubsub.try_publish("number", "1", json!(3)).expect_err("none").kind(),
        ErrorKind::Disconnected
    );
    faulty.reconnect();
    faulty.reconnect();
    assert_eq!(state.changed().await, alk_pubsub_core::ConnectionState::Connected);
    publish(&pubsub, 4..5).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(read(subscription.recv().await.expect("open")));
    }
    assert_eq!(seen, [Ok(0), Err(Gap::new(GapReason::Reconnected, None)), Ok(4)]);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_nothing_yet_waits_and_has_no_gap() {
    let (everybody, faulty) = ends(EventFaults::none());
    faulty.disconnect();
    let subscribing = tokio::spawn({
        let faulty = faulty.clone();
        async move { subscribe(&faulty).await }
    });
    let pubsub = PubSub::<Dynamic>::new(faulty.clone());
    let gives_up = tokio::time::timeout(Duration::from_secs(1), async { pubsub.subscribe("other").await });
    assert!(gives_up.await.is_err());
    assert!(!subscribing.is_finished());
    assert_eq!(faulty.interests(9).len(), 1, "who gave up is gone");
    publish(&everybody, 0..1).await;
    faulty.heal();
    let mut subscription = subscribing.await.expect("a task");
    publish(&everybody, 1..2).await;
    assert_eq!(subscription.recv().await.map(read), Some(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn a_removed_listener_hears_nothing_of_what_was_late() {
    let (everybody, faulty) = ends(EventFaults::seeded(1).delays(1, Duration::from_secs(1)));
    let (heard, mut hears) = tokio::sync::mpsc::channel(10);
    let listener = Arc::new(move |_: &alk_pubsub_core::Event| heard.try_send(()).expect("there is room"));
    let guard = faulty.add_event_listener("number".parse().expect("an interest"), listener).await;
    publish(&everybody, 0..5).await;
    drop(guard);
    // The last sender goes with the listener.
    assert_eq!(hears.recv().await, None);
}

#[tokio::test]
async fn subscriptions_end_with_the_last_handle() {
    let (everybody, faulty) = ends(EventFaults::seeded(1).delays(1, Duration::from_secs(1)));
    let subscription = subscribe(&faulty).await;
    publish(&everybody, 0..5).await;
    drop(faulty);
    assert_eq!(all(subscription).await, []);
    assert_eq!(everybody.target().interests(9), []);
}
