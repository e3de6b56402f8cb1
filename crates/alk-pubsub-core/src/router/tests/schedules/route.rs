//! A publisher that has its topic's log at hand, while interests come and go.

use loom::thread;

use super::super::fixture::{Hub, Read, drain};
use super::explore::explore;
use super::feed::{hands_back_without_a_seam, read as read_feed, takes_over_without_a_seam};
use crate::error::Error;
use crate::feed::Feed;
use crate::router::Bounds;

/// Publishes so many events on the topic.
fn publisher(hub: &Hub, events: u64) -> thread::JoinHandle<()> {
    let (hub, route) = (hub.clone(), hub.route("a:1"));
    thread::spawn(move || {
        for number in 0..events {
            assert!(hub.publish_by(&route, "a:1", number).is_some());
        }
    })
}

#[test]
fn the_first_and_the_last_of_an_interest_are_told_apart() {
    explore(|| {
        let hub = Hub::new();
        let publisher = publisher(&hub, 1);
        let comes_and_goes = hub.clone();
        let subscriber = thread::spawn(move || drop(comes_and_goes.subscribe("a:1", Bounds::default())));
        drop(hub.subscribe("a:1", Bounds::default()));
        publisher.join().unwrap();
        subscriber.join().unwrap();
        let (added, removed) = hub.added_and_removed();
        assert!(added == removed && (1..=2).contains(&added), "{added} came and {removed} went");
        assert_eq!(hub.router().logs(), 0);
    });
}

#[test]
fn what_is_published_after_a_subscription_is_received() {
    explore(|| {
        let hub = Hub::new();
        let route = hub.route("a:1");
        let goes = hub.subscribe("a:1", Bounds::default());
        let going = thread::spawn(move || drop(goes));
        let mut reader = hub.subscribe("a:1", Bounds::default());
        let mut broad = hub.subscribe("a", Bounds::default());
        assert!(hub.publish_by(&route, "a:1", 1) >= Some(2));
        going.join().unwrap();
        assert_eq!((drain(&mut reader), drain(&mut broad)), (vec![Read::Event(1)], vec![Read::Event(1)]));
    });
}

#[test]
fn a_broader_interest_takes_over_without_a_seam() {
    explore(|| takes_over_without_a_seam(|hub| publisher(hub, 2)));
}

#[test]
fn a_broader_interest_hands_back_without_a_seam() {
    explore(|| hands_back_without_a_seam(|hub| publisher(hub, 2)));
}

#[test]
fn a_type_takes_over_and_everything_takes_over_from_that() {
    explore(|| {
        let hub = Hub::new();
        let mut feed = Feed::new();
        feed.insert(hub.subscribe("a:1", Bounds::default()));
        let publisher = publisher(&hub, 1);
        feed.insert(hub.subscribe("a", Bounds::default()));
        feed.insert(hub.subscribe("*", Bounds::default()));
        let mut seen = read_feed(&mut feed);
        publisher.join().unwrap();
        seen.extend(read_feed(&mut feed));
        assert_eq!(seen, [0]);
    });
}

#[test]
fn who_subscribes_anew_while_an_interest_is_ended_misses_nothing() {
    explore(|| {
        let hub = Hub::new();
        let route = hub.route("a:1");
        let before = hub.subscribe("a:1", Bounds::default());
        let ending = hub.clone();
        let ends = thread::spawn(move || {
            assert!(ending.router().end_interest(&"a:1".parse().unwrap(), &Error::closed(), || true));
        });
        let mut reader = hub.subscribe("a:1", Bounds::default());
        hub.publish_by(&route, "a:1", 1);
        ends.join().unwrap();
        let seen = drain(&mut reader);
        assert!(reader.ended_by().is_some() || seen == [Read::Event(1)], "{seen:?}");
        drop((before, reader, route));
        assert_eq!(hub.router().logs(), 0);
    });
}
