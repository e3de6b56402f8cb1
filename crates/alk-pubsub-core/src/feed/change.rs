//! How one interest takes over from another.
//!
//! The router appends an event to the logs of its topic, its type and of everything with the locks of these held together. A
//! *cut* looks at the ends of a narrower and a broader log with both locks held, so an event is before the cut in
//! both, or behind it in both. What is before it is read by one of the two and what is behind it by the other: nothing is
//! lost, and nothing is handed out twice, whatever is published meanwhile.

use std::task::Poll;

use super::backlog::{Backlog, Waiting};
use super::feed::Feed;
use super::member::Member;
use crate::gap::{Gap, GapReason};
use crate::name::Interest;
use crate::router::{Item, RawSubscription};

impl Feed {
    /// `broader` is read from now on instead of what it covers; what these still have goes to the backlog.
    pub(super) fn take_over(&mut self, broader: &mut Member) {
        if matches!(broader.interest(), Interest::Topic(_)) || !broader.subscription.has_cursor() {
            return;
        }
        let interest = broader.interest().clone();
        let is_covered = |member: &Member| {
            member.is_active() && interest.covers(member.interest()) && member.subscription.has_cursor()
        };
        if !self.members.iter().flatten().any(is_covered) {
            return;
        }
        broader.subscription.settle();
        for narrower in self.members.iter_mut().flatten().filter(|member| is_covered(member)) {
            let (end, from) = narrower.subscription.cut(&broader.subscription);
            broader.leave_out(narrower.interest().clone(), from);
            let ended = take_until(narrower, end, &mut self.backlog, |_, _| true);
            if ended && !narrower.ended {
                self.backlog.push(Waiting::Ended(narrower.interest().clone()));
            }
            narrower.subscription.hold();
            narrower.covered = true;
        }
        self.bound_backlog(&mut broader.subscription);
    }

    /// What `broader`, which goes, has covered is read by itself again; what `broader` still has of it goes to the backlog.
    pub(super) fn hand_back(&mut self, broader: &mut Member) {
        if matches!(broader.interest(), Interest::Topic(_)) || !broader.subscription.has_cursor() {
            return;
        }
        let covered = |(interest, _): &(&Interest, &u32)| broader.interest().covers(interest);
        let mut covered: Vec<(Interest, u32)> =
            self.by_interest.iter().filter(covered).map(|(interest, key)| (interest.clone(), *key)).collect();
        // The broader come first, and cover the others again.
        covered.sort_by_key(|(interest, _)| matches!(interest, Interest::Topic(_)));
        if !covered.is_empty() {
            broader.subscription.settle();
        }
        let mut resumed: Vec<(Interest, u32, u64)> = Vec::new();
        for (interest, key) in covered {
            if self.active_covering(&interest) {
                continue;
            }
            if let Some(member) = self.members[key as usize].as_mut().filter(|member| member.covered) {
                let end = member.subscription.resume(&broader.subscription);
                member.covered = false;
                resumed.push((interest, key, end));
            }
        }
        let Some(end) = resumed.iter().map(|(.., end)| *end).max() else { return };
        let ended = take_until(broader, end, &mut self.backlog, |position, item| match item {
            Item::Event(event) => {
                resumed.iter().any(|(interest, _, end)| position < *end && interest.matches(event.topic()))
            }
            Item::Gap(_) => true,
        });
        if broader.subscription.ended_by().is_some() {
            // It brought nothing any more since it ended, and nobody else did.
            self.backlog.push(Waiting::Item(Item::Gap(Gap::new(GapReason::TransportLag, None))));
        }
        for (interest, key, _) in resumed {
            if ended {
                self.backlog.push(Waiting::Ended(interest));
            }
            self.ready.wake(key);
        }
        self.bound_backlog(&mut broader.subscription);
    }

    /// Interests that come and go while nobody reads must not pile up what they hand to each other.
    fn bound_backlog(&mut self, subscription: &mut RawSubscription) {
        if let Some(gap) = self.backlog.keep_within(subscription.bounds()) {
            subscription.count(gap);
        }
    }
}

/// Moves what a member has before the position `end` to the backlog. Whether its subscription has ended by its policy.
fn take_until(
    member: &mut Member,
    end: u64,
    backlog: &mut Backlog,
    wanted: impl Fn(u64, &Item) -> bool,
) -> bool {
    while let Some(cursor) = member.subscription.cursor()
        && (cursor.position() < end || cursor.has_gaps())
    {
        // Where an event was read is known afterwards: before it, events may have been left out.
        let Poll::Ready(Some(item)) = member.subscription.try_next() else { break };
        let position = member.subscription.cursor().map_or(end, |cursor| cursor.position()).saturating_sub(1);
        let taken = matches!(&item, Item::Event(event) if member.was_taken(position, event.topic()));
        if !taken && wanted(position, &item) {
            backlog.push(Waiting::Item(item));
        }
    }
    member.subscription.cursor().is_some_and(|cursor| cursor.ended_by_policy())
}
