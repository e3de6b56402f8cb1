use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use crate::error::Error;
use crate::event::Event;
use crate::gap::Gap;
use crate::name::{Interest, Topic};
use crate::router::{After, Bounds, Item, Log, LogState, RawSubscription, Registry, Route, Router};

/// A router without a target around it.
#[derive(Clone)]
pub(super) struct Hub(Arc<Inner>);

struct Inner {
    router: Router,
    /// Interests added so far, and removed.
    added: AtomicU64,
    removed: AtomicU64,
}

impl Registry for Inner {
    fn leave(&self, log: &Arc<Log>, leave: &mut dyn FnMut(&mut LogState, &mut After)) {
        let mut last = || {
            self.removed.fetch_add(1, Ordering::Relaxed);
        };
        self.router.leave(log, &mut last, leave);
    }

    fn settle(&self) {
        self.router.settle();
    }

    fn count_gap(&self, gap: Gap) {
        self.router.count_gap(gap);
    }
}

/// What a reader comes upon.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Event(u64),
    Gap(Gap),
    Empty,
    Closed,
}

impl Hub {
    pub(super) fn new() -> Self {
        let (added, removed) = Default::default();
        Self(Arc::new(Inner { router: Router::new(), added, removed }))
    }

    pub(super) fn router(&self) -> &Router {
        &self.0.router
    }

    pub(super) fn subscribe(&self, interest: &str, bounds: Bounds) -> RawSubscription {
        self.try_subscribe(interest, bounds).unwrap()
    }

    /// An error once it is closed.
    pub(super) fn try_subscribe(&self, interest: &str, bounds: Bounds) -> Result<RawSubscription, Error> {
        let interest: Interest = interest.parse().unwrap();
        let first = || {
            self.0.added.fetch_add(1, Ordering::Relaxed);
        };
        let join =
            |log: &Arc<Log>, state: &mut LogState| RawSubscription::join(log, state, bounds, self.0.clone());
        self.0.router.enter(&interest, first, join)
    }

    /// Whether there was room.
    pub(super) fn publish(&self, topic: &str, number: u64) -> bool {
        self.0.router.try_dispatch(event(topic, number)).is_ok()
    }

    /// As [`publish`](Self::publish), by a way that was found before.
    pub(super) fn publish_by(&self, route: &Route, topic: &str, number: u64) -> Option<u64> {
        let appended = route.append(event(topic, number));
        appended.or_else(|event| self.0.router.try_dispatch(event)).ok()
    }

    pub(super) fn route(&self, topic: &str) -> Route {
        self.0.router.route(&topic.parse().unwrap())
    }

    pub(super) fn report_gap(&self, gap: Gap) {
        self.0.router.report_gap(None, gap);
    }

    /// How often an interest was first heard of and last.
    pub(super) fn added_and_removed(&self) -> (u64, u64) {
        (self.0.added.load(Ordering::Relaxed), self.0.removed.load(Ordering::Relaxed))
    }
}

pub(super) fn event(topic: &str, number: u64) -> Event {
    let topic: Topic = topic.parse().unwrap();
    Event::new(topic, number)
}

pub(super) fn read(subscription: &mut RawSubscription) -> Read {
    match subscription.try_next() {
        Poll::Ready(Some(Item::Event(event))) => Read::Event(*event.decode::<u64>().unwrap().payload()),
        Poll::Ready(Some(Item::Gap(gap))) => Read::Gap(gap),
        Poll::Ready(None) => Read::Closed,
        Poll::Pending if subscription.is_ended() => Read::Closed,
        Poll::Pending => Read::Empty,
    }
}

pub(super) fn drain(subscription: &mut RawSubscription) -> Vec<Read> {
    let mut all = Vec::new();
    loop {
        match read(subscription) {
            Read::Empty | Read::Closed => return all,
            other => all.push(other),
        }
    }
}
