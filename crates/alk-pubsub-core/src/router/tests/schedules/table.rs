//! Interests that come and go while events are appended.

use loom::thread;

use super::super::fixture::{Hub, Read, drain};
use super::explore::{explore, publish};
use crate::router::Bounds;

#[test]
fn the_first_and_the_last_of_an_interest_are_told_apart() {
    explore(|| {
        let hub = Hub::new();
        let comes_and_goes = [0, 1].map(|_| {
            let hub = hub.clone();
            thread::spawn(move || drop(hub.subscribe("a:1", Bounds::default())))
        });
        publish(&hub, "a:1", 0);
        for thread in comes_and_goes {
            thread.join().unwrap();
        }
        let (added, removed) = hub.added_and_removed();
        assert!(added == removed && (1..=2).contains(&added), "{added} came and {removed} went");
    });
}

#[test]
fn what_is_published_after_a_subscription_is_received() {
    explore(|| {
        let hub = Hub::new();
        let goes = hub.subscribe("a:1", Bounds::default());
        let going = thread::spawn(move || drop(goes));
        let publishing = hub.clone();
        let publisher = thread::spawn(move || publish(&publishing, "a:1", 0));
        let mut reader = hub.subscribe("a:1", Bounds::default());
        publish(&hub, "a:1", 1);
        going.join().unwrap();
        publisher.join().unwrap();
        let seen = drain(&mut reader);
        assert!(seen.contains(&Read::Event(1)) && seen.len() <= 2, "{seen:?}");
    });
}

#[test]
fn a_topic_its_type_and_everything_see_one_order() {
    explore(|| {
        let hub = Hub::new();
        let mut topic = hub.subscribe("a:1", Bounds::default());
        let mut everything = hub.subscribe("*", Bounds::default());
        let publishers = [0, 1].map(|number| {
            let hub = hub.clone();
            thread::spawn(move || publish(&hub, "a:1", number))
        });
        for publisher in publishers {
            publisher.join().unwrap();
        }
        let seen = drain(&mut topic);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen, drain(&mut everything));
    });
}
