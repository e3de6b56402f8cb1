//! A task that waits for a feed is woken, however many interests that has and whatever becomes of them meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use super::copies_model::Remote;
use super::tests::Lines;
use super::{Feed, FeedItem};
use crate::name::Interest;
use crate::router::{Bounds, Overflow};
use crate::{Event, EventTarget, InProcessEventTarget, RawSubscription, RoutedEventTarget};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Fixture<T = InProcessEventTarget> {
    target: T,
    feed: Feed,
    overflow: Overflow,
    wakes: Arc<Wakes>,
}

impl Fixture {
    fn new() -> Self {
        Self::over(InProcessEventTarget::in_process())
    }
}

impl<T: EventTarget> Fixture<T> {
    fn over(target: T) -> Self {
        Self { target, feed: Feed::new(), overflow: Overflow::DropOldest, wakes: Arc::default() }
    }

    fn subscribe(&self, interest: &str) -> RawSubscription {
        let bounds = Bounds { events: 8, bytes: u64::MAX, overflow: self.overflow };
        self.target.subscribe_raw(interest.parse().unwrap(), bounds).try_ready().unwrap().unwrap()
    }

    fn insert(&mut self, interest: &str) {
        let subscription = self.subscribe(interest);
        assert!(self.feed.insert(subscription));
    }

    fn remove(&mut self, interest: &str) {
        assert!(self.feed.remove(&interest.parse::<Interest>().unwrap()));
    }

    fn publish(&self, topic: &str) {
        let event = Event::new(topic.parse().unwrap(), 1_u64);
        self.target.dispatch_event(event).try_ready().unwrap().unwrap();
    }

    /// Takes all there is, and waits: how many events there were, gaps among them.
    fn take_all(&mut self) -> u64 {
        let (waker, mut taken) = (self.wakes.clone().into(), 0);
        let mut cx = Context::from_waker(&waker);
        loop {
            let polled = self.feed.poll_items(&mut cx, &Lines, 1, &mut |item| {
                taken += match item {
                    FeedItem::Frames { events, .. } => events,
                    FeedItem::Gap(_) => 1,
                    _ => 0,
                }
            });
            if polled == Poll::Pending {
                return taken;
            }
        }
    }

    /// How often the task was woken since it was asked last.
    fn woken(&self) -> usize {
        self.wakes.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn one_interest_wakes_the_task_once_for_all_that_comes_before_it_looks() {
    for overflow in [Overflow::DropOldest, Overflow::Latest] {
        let mut fixture = Fixture { overflow, ..Fixture::new() };
        assert_eq!(fixture.take_all(), 0);
        fixture.insert("a:1");
        assert_eq!(fixture.woken(), 1, "there is something to look at");
        assert_eq!(fixture.take_all(), 0);
        for topic in ["a:1", "a:1", "a:2"] {
            fixture.publish(topic);
        }
        assert_eq!((fixture.woken(), fixture.take_all()), (1, 2), "{overflow:?}");
        assert!(fixture.feed.is_waiting());
        fixture.publish("a:2");
        assert_eq!((fixture.woken(), fixture.take_all()), (0, 0), "{overflow:?}");
    }
}

#[test]
fn a_second_interest_wakes_who_waits_for_the_first_and_both_wake_from_then_on() {
    for overflow in [Overflow::DropOldest, Overflow::Latest] {
        let mut fixture = Fixture { overflow, ..Fixture::new() };
        fixture.insert("a:1");
        fixture.take_all();
        fixture.woken();
        fixture.insert("b:1");
        assert_eq!(fixture.woken(), 1, "{overflow:?}");
        // Before it has looked again, too.
        fixture.publish("a:1");
        assert_eq!(fixture.take_all(), 1);
        for topic in ["a:1", "b:1"] {
            fixture.woken();
            fixture.publish(topic);
            assert_eq!((fixture.woken(), fixture.take_all()), (1, 1), "{topic}, {overflow:?}");
        }
    }
}

#[test]
fn a_broader_interest_takes_over_from_the_only_one_and_gives_back() {
    let mut fixture = Fixture::new();
    fixture.insert("a:1");
    fixture.take_all();
    fixture.publish("a:1");
    fixture.woken();
    fixture.insert("a");
    assert_eq!(fixture.take_all(), 1);
    fixture.publish("a:1");
    assert_eq!((fixture.woken(), fixture.take_all()), (1, 1));
    fixture.remove("a");
    fixture.take_all();
    fixture.woken();
    fixture.publish("a:2");
    assert_eq!(fixture.woken(), 0);
    fixture.publish("a:1");
    assert_eq!((fixture.woken(), fixture.take_all()), (1, 1));
}

#[test]
fn who_waits_is_woken_by_the_next_interest_when_the_only_one_has_gone_or_ended() {
    for ends_by_itself in [false, true] {
        let mut fixture = Fixture::new();
        let mut subscription = fixture.subscribe("a:1");
        let end = subscription.end_handle();
        fixture.feed.insert(subscription);
        fixture.take_all();
        fixture.woken();
        if ends_by_itself {
            end.end();
            assert_eq!(fixture.woken(), 1, "of the end");
        } else {
            fixture.remove("a:1");
            fixture.woken();
        }
        assert_eq!(fixture.take_all(), 0);
        fixture.insert("b:1");
        assert_eq!(fixture.woken(), 1);
        fixture.take_all();
        fixture.publish("b:1");
        assert_eq!((fixture.woken(), fixture.take_all()), (1, 1));
    }
}

#[test]
fn interests_that_come_and_go_between_two_looks_leave_nothing_behind() {
    let mut fixture = Fixture::new();
    for _ in 0..100 {
        fixture.insert("a:1");
        fixture.insert("b:1");
        fixture.remove("a:1");
        fixture.remove("b:1");
    }
    fixture.insert("c:1");
    fixture.take_all();
    fixture.publish("c:1");
    assert_eq!(fixture.take_all(), 1);
    assert_eq!(fixture.feed.ready.len(), 0);
    for _ in 0..100 {
        fixture.insert("a:1");
        fixture.insert("b:1");
        fixture.remove("a:1");
        fixture.remove("b:1");
    }
    assert!(fixture.feed.ready.len() <= 1, "the one that stays");
    fixture.publish("c:1");
    assert_eq!(fixture.take_all(), 1);
}

#[test]
fn where_copies_come_who_waits_is_woken_when_an_interest_that_others_rely_on_is_gone() {
    let mut fixture = Fixture::over(RoutedEventTarget::new(Remote));
    let mut subscription = fixture.subscribe("a:1");
    let end = subscription.end_handle();
    fixture.feed.insert(subscription);
    fixture.insert("a");
    end.end();
    assert_eq!(fixture.take_all(), 0);
    fixture.woken();
    fixture.remove("a:1");
    assert_eq!((fixture.woken(), fixture.take_all()), (1, 1), "of the gap");
}
