use std::collections::VecDeque;

use crate::event::Event;
use crate::name::Interest;
use crate::router::{Item, RawSubscription};

/// How many events a member looks through for those it must leave out; by then they have come, or never will.
const LOOK_OUT: u32 = 1024;

/// One interest of a feed.
pub(super) struct Member {
    pub(super) subscription: RawSubscription,
    pub(super) role: Role,
    /// What is to be handed out before what the subscription has: taken over from a broader interest that went.
    pub(super) backlog: VecDeque<Item>,
    /// Events that were or will be handed out by another member.
    skip: Vec<Event>,
    look_out: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is read.
    Active,
    /// A broader interest has taken over; it is read up to this position.
    Ending(u64),
    /// A broader interest brings its events.
    Covered,
}

impl Member {
    pub(super) fn new(subscription: RawSubscription) -> Self {
        Self { subscription, role: Role::Active, backlog: VecDeque::new(), skip: Vec::new(), look_out: 0 }
    }

    pub(super) fn interest(&self) -> &Interest {
        self.subscription.interest()
    }

    pub(super) fn is_active(&self) -> bool {
        self.role == Role::Active
    }

    pub(super) fn leave_out(&mut self, events: impl IntoIterator<Item = Event>) {
        self.skip.extend(events);
        self.look_out = LOOK_OUT;
    }

    /// Whether every event has to be looked at.
    pub(super) fn is_looking_out(&self) -> bool {
        !self.skip.is_empty()
    }

    /// Whether this event, which was read, is to be left out.
    pub(super) fn skips(&mut self, event: &Event) -> bool {
        if self.skip.is_empty() {
            return false;
        }
        let found = self.skip.iter().any(|skipped| skipped.is_same(event));
        // Events of a topic come in one order wherever they come from, so what did not come before this one will not.
        // The event itself stays: it may be followed by others to leave out, in the same order.
        if found {
            self.skip.retain(|skipped| !skipped.is_same(event));
        } else {
            self.skip.retain(|skipped| skipped.topic() != event.topic());
        }
        self.look_out = self.look_out.saturating_sub(1);
        if self.look_out == 0 {
            self.skip.clear();
        }
        found
    }

    /// The events at these positions of the log that are still there.
    pub(super) fn events(&mut self, from: u64, to: u64) -> Vec<Event> {
        let Some(cursor) = self.subscription.cursor() else { return Vec::new() };
        (from..to).filter_map(|position| cursor.peek(position)).collect()
    }
}
