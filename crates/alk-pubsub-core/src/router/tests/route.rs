//! Publishers that have a topic's log at hand.

use super::fixture::{Hub, Read, drain, read};
use crate::error::Error;
use crate::gap::{Gap, GapReason};
use crate::router::Bounds;

#[test]
fn subscribers_come_and_go_while_a_publisher_keeps_the_log() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    assert_eq!(hub.publish_by(&route, "a:1", 0), Some(0));
    for round in 1..4 {
        let mut reader = hub.subscribe("a:1", Bounds::default());
        assert_eq!(hub.added_and_removed(), (round, round - 1));
        assert_eq!(hub.publish_by(&route, "a:1", round), Some(1));
        assert!(hub.publish("a:1", 10 + round));
        assert_eq!(drain(&mut reader), [Read::Event(round), Read::Event(10 + round)]);
        drop(reader);
        assert_eq!(hub.added_and_removed(), (round, round));
        assert_eq!(hub.publish_by(&route, "a:1", 9), Some(0));
    }
    let stats = hub.router().stats();
    assert_eq!((stats.published, stats.delivered, stats.interests), (10, 6, 0));
    assert_eq!(hub.router().interests(9), []);
}

#[test]
fn the_log_goes_with_its_last_subscriber_or_publisher_whoever_is_later() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let another = route.clone();
    drop((hub.subscribe("a:1", Bounds::default()), route));
    assert_eq!(hub.router().logs(), 1);
    let reader = hub.subscribe("a:1", Bounds::default());
    drop(another);
    assert_eq!(hub.router().logs(), 1);
    drop(reader);
    assert_eq!(hub.router().logs(), 0);
}

#[test]
fn nothing_is_kept_that_nobody_can_read() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let reader = hub.subscribe("a:1", Bounds::default());
    hub.publish_by(&route, "a:1", 0);
    drop(reader);
    hub.report_gap(Gap::new(GapReason::Reconnected, None));
    hub.publish_by(&route, "a:1", 1);
    let mut reader = hub.subscribe("a:1", Bounds::default());
    assert_eq!((read(&mut reader), hub.router().stats().waiting), (Read::Empty, 0));
    hub.publish_by(&route, "a:1", 2);
    assert_eq!(drain(&mut reader), [Read::Event(2)]);
}

#[test]
fn those_who_listen_to_the_type_or_to_everything_hear_what_comes_by_it_in_one_order() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let mut readers = ["a:1", "a", "*"].map(|interest| hub.subscribe(interest, Bounds::default()));
    for number in 0..6 {
        let receivers = if number % 2 == 0 {
            hub.publish_by(&route, "a:1", number)
        } else {
            hub.router().try_dispatch(super::fixture::event("a:1", number)).ok()
        };
        assert_eq!(receivers, Some(3));
    }
    for reader in &mut readers {
        assert_eq!(drain(reader), (0..6).map(Read::Event).collect::<Vec<_>>());
    }
}

#[test]
fn an_interest_that_was_ended_is_begun_anew_beside_its_publisher() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let ended = || hub.router().end_interest(&"a:1".parse().unwrap(), &Error::closed(), || true);
    assert!(!ended(), "nobody listens");
    let mut before = hub.subscribe("a:1", Bounds::default());
    assert!(ended());
    assert_eq!(read(&mut before), Read::Closed);
    let mut after = hub.subscribe("a:1", Bounds::default());
    assert_eq!(hub.publish_by(&route, "a:1", 1), Some(1));
    assert_eq!(drain(&mut after), [Read::Event(1)]);
    drop((before, after, route));
    assert_eq!((hub.router().logs(), hub.added_and_removed()), (0, (2, 1)));
}

#[test]
fn who_leaves_a_closed_log_is_the_last_once() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let readers = [(); 2].map(|()| hub.subscribe("a:1", Bounds::default()));
    hub.router().close();
    assert_eq!(hub.publish_by(&route, "a:1", 1), Some(0));
    drop(readers);
    assert_eq!((hub.router().logs(), hub.added_and_removed()), (0, (1, 1)));
    drop(route);
    assert_eq!(hub.router().logs(), 0);
}

#[test]
fn who_has_the_log_at_hand_is_refused_with_everybody_while_it_closes() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let mut reader = hub.subscribe("a:1", Bounds::default());
    assert!(hub.router().begin_closing() && !hub.router().begin_closing());
    assert!(route.append(super::fixture::event("a:1", 1)).is_err());
    assert_eq!(read(&mut reader), Read::Empty);
}

#[test]
fn a_full_reader_that_publishers_wait_for_gets_nothing_by_it() {
    let hub = Hub::new();
    let route = hub.route("a:1");
    let bounds = Bounds::default().events(2).overflow(crate::Overflow::Block);
    let mut reader = hub.subscribe("a:1", bounds);
    let appended = |number| hub.publish_by(&route, "a:1", number);
    assert_eq!([0, 1, 2].map(appended), [Some(1), Some(1), None]);
    assert_eq!(drain(&mut reader), [Read::Event(0), Read::Event(1)]);
    assert_eq!(appended(3), Some(1));
}
