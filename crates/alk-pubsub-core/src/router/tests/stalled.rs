//! What a reader that stalls holds on to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Deserializer, Serialize};

use super::fixture::{Hub, Read, drain, read};
use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::router::{Bounds, Overflow};

/// Counts itself.
#[derive(Serialize)]
struct Counted {
    #[serde(skip)]
    alive: Arc<AtomicUsize>,
}

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { alive: alive.clone() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("is only ever a value"))
    }
}

fn alive_after(hub: &Hub, events: usize, mut between: impl FnMut(usize)) -> usize {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut most = 0;
    for number in 0..events {
        let event = Event::new("a:1".parse().unwrap(), Counted::new(&alive));
        assert!(hub.router().try_dispatch(event).is_ok());
        between(number);
        most = most.max(alive.load(Ordering::Relaxed));
    }
    most
}

/// The window may begin in the middle of a chunk, and the last chunk may be half empty; one chunk may be read.
const CHUNKS: usize = 3 * 64;

#[test]
fn a_stalled_reader_holds_its_bound_and_no_more() {
    for overflow in [Overflow::DropOldest, Overflow::Close, Overflow::Latest] {
        let hub = Hub::new();
        let mut stalled = hub.subscribe("a:1", Bounds::default().events(100).overflow(overflow));
        let mut fast = hub.subscribe("a:1", Bounds::default());
        let most = alive_after(&hub, 20_000, |_| assert_eq!(drain_any(&mut fast), 1));
        assert!(most <= 100 + CHUNKS, "{most} events with {overflow:?}");
        assert!(stalled.try_next().is_ready());
    }
}

#[test]
fn a_reader_that_stalls_in_the_middle_holds_its_bound_and_one_chunk() {
    let hub = Hub::new();
    let mut stalled = hub.subscribe("a:1", Bounds::default().events(100));
    let mut fast = hub.subscribe("a:1", Bounds::default());
    let most = alive_after(&hub, 20_000, |number| {
        if number < 1000 {
            assert_eq!(drain_any(&mut stalled), 1);
        }
        assert_eq!(drain_any(&mut fast), 1);
    });
    assert!(most <= 100 + CHUNKS, "{most} events");
}

#[test]
fn what_everybody_has_read_is_let_go() {
    let hub = Hub::new();
    let mut patient = hub.subscribe("a:1", Bounds::default().events(1_000_000));
    let mut other = hub.subscribe("a:1", Bounds::default().events(1_000_000));
    let most = alive_after(&hub, 20_000, |number| {
        if number % 10 == 0 {
            drain_any(&mut patient);
            drain_any(&mut other);
        }
    });
    assert!(most <= CHUNKS, "{most} events");
}

#[test]
fn one_that_left_holds_nothing() {
    let hub = Hub::new();
    let mut reader = hub.subscribe("a:1", Bounds::default());
    let stalled = hub.subscribe("a:1", Bounds::default().events(10_000));
    let alive = Arc::new(AtomicUsize::new(0));
    for _ in 0..5000 {
        let event = Event::new("a:1".parse().unwrap(), Counted::new(&alive));
        assert!(hub.router().try_dispatch(event).is_ok());
        drain_any(&mut reader);
    }
    assert_eq!(alive.load(Ordering::Relaxed), 5000);
    drop(stalled);
    assert!(alive.load(Ordering::Relaxed) <= CHUNKS);
    drop(reader);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_reader_with_the_policy_close_hands_out_nothing_after_it_lagged_too_far() {
    let hub = Hub::new();
    let mut reader = hub.subscribe("a:1", Bounds::default().events(3).overflow(Overflow::Close));
    for number in 0..3 {
        assert!(hub.publish("a:1", number));
    }
    assert_eq!(read(&mut reader), Read::Event(0));
    for number in 3..5 {
        assert!(hub.publish("a:1", number));
    }
    assert_eq!(drain(&mut reader), [Read::Gap(Gap::new(GapReason::Overflow, Some(4)))]);
    assert!(hub.publish("a:1", 5));
    assert_eq!(read(&mut reader), Read::Closed);
    assert_eq!(reader.missed(), 4);
}

#[test]
fn many_gaps_cost_a_stalled_reader_neither_events_in_its_count_nor_the_gaps() {
    let hub = Hub::new();
    let mut stalled = hub.subscribe("a:1", Bounds::default().events(10));
    let mut fast = hub.subscribe("a:1", Bounds::default());
    for number in 0..1000 {
        assert!(hub.publish("a:1", number));
        hub.report_gap(Gap::new(GapReason::Remote, Some(7)));
        drain(&mut fast);
    }
    let seen = drain(&mut stalled);
    let events = seen.iter().filter(|read| matches!(read, Read::Event(_))).count() as u64;
    let missed = |wanted: GapReason| -> u64 {
        let gaps = seen.iter().filter_map(|read| if let Read::Gap(gap) = read { Some(gap) } else { None });
        gaps.filter(|gap| gap.reason() == wanted).filter_map(|gap| gap.missed()).sum()
    };
    assert_eq!((events, missed(GapReason::Overflow), missed(GapReason::Remote)), (5, 995, 7000));
}

/// How many items there are, whatever they are.
fn drain_any(subscription: &mut crate::RawSubscription) -> usize {
    let mut items = 0;
    while let std::task::Poll::Ready(Some(_)) = subscription.try_next() {
        items += 1;
    }
    items
}
