//! Closing while somebody publishes, somebody goes and somebody comes: one model for each policy.

use loom::thread;

use super::super::fixture::{Hub, Read};
use super::explore::{all, explore, in_place, publish};
use crate::error::ErrorKind;
use crate::gap::GapReason;
use crate::router::{Bounds, Overflow};

/// What the one who stays has seen in the end, while one thread publishes two events, another closes, and a third reads one and
/// goes.
fn race(overflow: Overflow, check: fn(&[Read])) {
    explore(move || {
        let hub = Hub::new();
        let bounds = Bounds::default().events(1).overflow(overflow);
        let mut stays = hub.subscribe("a:1", bounds);
        let mut goes = hub.subscribe("a:1", bounds);
        let [publishing, closing] = [hub.clone(), hub.clone()];
        let publisher =
            thread::spawn(move || (0..2).for_each(|number| _ = publish(&publishing, "a:1", number)));
        let closer = thread::spawn(move || closing.router().close());
        let first = goes.try_next();
        drop((first, goes));
        publisher.join().unwrap();
        closer.join().unwrap();
        check(&all(&mut stays));
        drop(stays);
        assert_eq!(hub.added_and_removed(), (1, 1));
    });
}

#[test]
fn the_oldest_make_room_while_it_closes() {
    race(Overflow::DropOldest, |seen| assert!(in_place(0, seen) <= 2, "{seen:?}"));
}

#[test]
fn the_latest_is_kept_while_it_closes() {
    race(Overflow::Latest, |seen| {
        // What was replaced is counted, before what replaced it.
        assert!(in_place(0, seen) <= 2, "{seen:?}");
    });
}

#[test]
fn nobody_is_waited_for_while_it_closes() {
    race(Overflow::Block, |seen| {
        assert!(seen.iter().all(|read| matches!(read, Read::Event(_))), "{seen:?}");
        assert!(in_place(0, seen) <= 2, "{seen:?}");
    });
}

#[test]
fn one_who_lags_ends_while_it_closes() {
    race(Overflow::Close, |seen| {
        assert!(in_place(0, seen) <= 2, "{seen:?}");
        let gap_at = seen
            .iter()
            .position(|read| matches!(read, Read::Gap(gap) if gap.reason() == GapReason::Overflow));
        assert!(gap_at.is_none_or(|at| at + 1 == seen.len()), "it ends with its gap: {seen:?}");
    });
}

#[test]
fn one_who_comes_while_it_closes_is_refused_or_ended() {
    for overflow in [Overflow::DropOldest, Overflow::Latest, Overflow::Block, Overflow::Close] {
        explore(move || {
            let hub = Hub::new();
            let closing = hub.clone();
            let closer = thread::spawn(move || closing.router().close());
            let bounds = Bounds::default().events(1).overflow(overflow);
            match hub.try_subscribe("a:1", bounds) {
                // The end comes, which it waits for.
                Ok(mut subscription) => assert_eq!(all(&mut subscription), []),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
            }
            closer.join().unwrap();
            let (added, removed) = hub.added_and_removed();
            assert!(added == removed && added <= 1);
        });
    }
}
