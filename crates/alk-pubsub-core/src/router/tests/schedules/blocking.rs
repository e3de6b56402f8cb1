//! Publishers that wait, and those they wait for.

use loom::thread;

use super::super::fixture::{Hub, Read};
use super::explore::{all, explore, explore_with, next, publish};
use crate::router::{Bounds, Overflow};

fn blocks(events: usize) -> Bounds {
    Bounds::default().events(events).overflow(Overflow::Block)
}

/// Publishes so many events to a topic; how many somebody receives.
fn publisher(hub: &Hub, events: u64) -> thread::JoinHandle<u64> {
    let hub = hub.clone();
    thread::spawn(move || (0..events).filter(|number| publish(&hub, "a:1", *number) > 0).count() as u64)
}

#[test]
fn one_who_is_waited_for_misses_nothing() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(1));
        let publisher = publisher(&hub, 2);
        for number in 0..2 {
            assert_eq!(next(&mut reader), Read::Event(number));
        }
        assert_eq!(publisher.join().unwrap(), 2);
    });
}

#[test]
fn a_large_bound_is_looked_at_seldom_and_nobody_waits_for_ever() {
    explore_with(1, || {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(2));
        let publisher = publisher(&hub, 3);
        for number in 0..3 {
            assert_eq!(next(&mut reader), Read::Event(number));
        }
        assert_eq!(publisher.join().unwrap(), 3);
    });
}

#[test]
fn two_who_are_waited_for_miss_nothing() {
    explore(|| {
        let hub = Hub::new();
        let mut readers = [hub.subscribe("a:1", blocks(1)), hub.subscribe("a:1", blocks(1))];
        let publisher = publisher(&hub, 2);
        for number in 0..2 {
            assert_eq!(readers.each_mut().map(next), [Read::Event(number), Read::Event(number)]);
        }
        assert_eq!(publisher.join().unwrap(), 2);
    });
}

#[test]
fn two_who_wait_both_go_on() {
    explore_with(1, || {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(1));
        let publishers = [publisher(&hub, 1), publisher(&hub, 1)];
        for _ in 0..2 {
            assert_eq!(next(&mut reader), Read::Event(0));
        }
        assert_eq!(publishers.map(|publisher| publisher.join().unwrap()), [1, 1]);
    });
}

#[test]
fn nobody_waits_for_one_who_has_gone() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(1));
        let publisher = publisher(&hub, 3);
        assert_eq!(next(&mut reader), Read::Event(0));
        drop(reader);
        assert!(publisher.join().unwrap() >= 1);
    });
}

#[test]
fn nobody_waits_for_one_who_was_ended() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(1));
        let handle = reader.end_handle();
        let publisher = publisher(&hub, 2);
        handle.end();
        publisher.join().unwrap();
        assert!(all(&mut reader).len() <= 1, "there was room for one");
    });
}

#[test]
fn closing_lets_go_of_those_who_wait() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", blocks(1));
        let publisher = publisher(&hub, 2);
        hub.router().close();
        let taken = publisher.join().unwrap();
        assert!(taken < 2, "there was room for one");
        assert_eq!(all(&mut reader).len() as u64, taken);
    });
}
