use std::collections::{HashMap, HashSet};

use crate::name::{Interest, Topic};
use crate::router::RawSubscription;

/// One interest of a feed.
pub(super) struct Member {
    /// Whether a broader interest brings its events.
    pub(super) covered: bool,
    /// Whether the consumer was told of the end.
    pub(super) ended: bool,
    taken: Option<Box<Taken>>,
    /// Earlier interests that bring events of this one too, where each brings a copy.
    #[expect(clippy::box_collection, reason = "few members have it, and there are very many members")]
    pub(super) left_out: Option<Box<HashSet<Interest>>>,
    pub(super) subscription: RawSubscription,
}

/// Events that narrower interests have handed out before this one took over.
#[derive(Default)]
struct Taken {
    /// The narrower interests, each with the position up to which it did.
    up_to: HashMap<Interest, u64>,
    /// From here on there is nothing to leave out.
    end: u64,
}

impl Member {
    pub(super) fn new(subscription: RawSubscription) -> Self {
        Self { subscription, covered: false, ended: false, taken: None, left_out: None }
    }

    pub(super) fn interest(&self) -> &Interest {
        self.subscription.interest()
    }

    /// Whether it is read, and may bring what others are interested in too.
    pub(super) fn is_active(&self) -> bool {
        !self.covered
    }

    /// `narrower` has handed out its events of the positions before `end`.
    pub(super) fn leave_out(&mut self, narrower: Interest, end: u64) {
        let taken = self.taken.get_or_insert_default();
        taken.up_to.insert(narrower, end);
        taken.end = taken.end.max(end);
    }

    /// Whether every event has to be looked at.
    pub(super) fn is_looking_out(&mut self) -> bool {
        if self.left_out.is_some() {
            return true;
        }
        let Some(taken) = &self.taken else { return false };
        if self.subscription.cursor().is_none_or(|cursor| cursor.position() >= taken.end) {
            self.taken = None;
        }
        self.taken.is_some()
    }

    /// Whether the event of this topic at this position was handed out already.
    pub(super) fn was_taken(&self, position: u64, topic: &Topic) -> bool {
        self.taken.as_ref().is_some_and(|taken| {
            let before = |interest: &Interest| taken.up_to.get(interest).is_some_and(|end| position < *end);
            position < taken.end
                && (before(&topic.clone().into()) || before(&topic.event_type().clone().into()))
        })
    }
}
