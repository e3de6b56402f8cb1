//! One who reads while others append, close, end and go.

use loom::thread;

use super::super::fixture::{Hub, Read};
use super::explore::{all, explore, explore_with, in_place, next, publish};
use crate::router::{Bounds, Overflow};

fn bounds(events: usize, overflow: Overflow) -> Bounds {
    Bounds::default().events(events).overflow(overflow)
}

/// Publishes so many events to a topic, then closes.
fn publisher(hub: &Hub, events: u64) -> thread::JoinHandle<()> {
    let hub = hub.clone();
    thread::spawn(move || {
        for number in 0..events {
            publish(&hub, "a:1", number);
        }
        hub.router().close();
    })
}

#[test]
fn one_who_keeps_up_gets_everything_and_the_end() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", Bounds::default());
        let publisher = publisher(&hub, 3);
        assert_eq!(all(&mut reader), [Read::Event(0), Read::Event(1), Read::Event(2)]);
        publisher.join().unwrap();
    });
}

#[test]
fn what_the_oldest_make_room_for_is_known_by_place_and_number() {
    for (room, events) in [(1, 3), (2, 3)] {
        explore(move || {
            let hub = Hub::new();
            let mut reader = hub.subscribe("a:1", bounds(room, Overflow::DropOldest));
            let publisher = publisher(&hub, events);
            let seen = all(&mut reader);
            assert_eq!(in_place(0, &seen), events);
            assert_eq!(seen.last(), Some(&Read::Event(events - 1)), "the newest is never left out");
            publisher.join().unwrap();
        });
    }
}

#[test]
fn one_who_lags_too_far_ends_and_knows() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", bounds(1, Overflow::Close));
        let publisher = publisher(&hub, 3);
        let seen = all(&mut reader);
        match seen.split_last() {
            Some((Read::Gap(_), before)) => {
                assert!(before.iter().all(|read| matches!(read, Read::Event(_))), "{seen:?}");
                assert!(in_place(0, &seen) <= 3);
            }
            _ => assert_eq!(in_place(0, &seen), 3, "without a gap it got everything"),
        }
        publisher.join().unwrap();
    });
}

#[test]
fn the_newest_of_each_topic_is_kept() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a", bounds(2, Overflow::Latest));
        let publishing = hub.clone();
        let publisher = thread::spawn(move || {
            for (number, topic) in ["a:1", "a:2", "a:1"].into_iter().enumerate() {
                publish(&publishing, topic, number as u64);
            }
            publishing.router().close();
        });
        let seen = all(&mut reader);
        let numbers = |read: &Read| if let Read::Event(number) = read { Some(*number) } else { None };
        let events: Vec<_> = seen.iter().filter_map(numbers).collect();
        let missed: u64 =
            seen.iter().map(|read| if let Read::Gap(gap) = read { gap.missed().unwrap() } else { 0 }).sum();
        assert!(events.is_sorted() && events.ends_with(&[1, 2]), "{seen:?}");
        assert_eq!(events.len() as u64 + missed, 3, "{seen:?}");
        publisher.join().unwrap();
    });
}

#[test]
fn all_see_the_events_of_two_publishers_in_one_order() {
    explore(|| {
        let hub = Hub::new();
        let mut readers = [hub.subscribe("a:1", Bounds::default()), hub.subscribe("a:1", Bounds::default())];
        let publishers = [0, 1].map(|number| {
            let hub = hub.clone();
            thread::spawn(move || publish(&hub, "a:1", number))
        });
        let seen = [0, 1].map(|_| next(&mut readers[0]));
        assert_ne!(seen[0], seen[1]);
        assert_eq!(seen, [0, 1].map(|_| next(&mut readers[1])));
        for publisher in publishers {
            publisher.join().unwrap();
        }
    });
}

#[test]
fn one_who_goes_takes_nothing_from_the_others() {
    explore_with(1, || {
        let hub = Hub::new();
        let mut stays = hub.subscribe("a:1", bounds(1, Overflow::DropOldest));
        let mut goes = hub.subscribe("a:1", Bounds::default());
        let publisher = publisher(&hub, 2);
        let going = thread::spawn(move || {
            let first = goes.try_next();
            drop((first, goes));
        });
        assert_eq!(in_place(0, &all(&mut stays)), 2);
        going.join().unwrap();
        publisher.join().unwrap();
        drop(stays);
        assert_eq!(hub.added_and_removed(), (1, 1));
    });
}

#[test]
fn one_who_is_ended_from_outside_gets_what_was_before() {
    explore(|| {
        let hub = Hub::new();
        let mut reader = hub.subscribe("a:1", Bounds::default());
        let handle = reader.end_handle();
        let publishing = hub.clone();
        let publisher = thread::spawn(move || {
            publish(&publishing, "a:1", 0);
            handle.end();
            publish(&publishing, "a:1", 1);
        });
        assert_eq!(all(&mut reader), [Read::Event(0)]);
        publisher.join().unwrap();
    });
}
