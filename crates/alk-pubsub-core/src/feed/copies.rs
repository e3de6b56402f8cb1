//! Interests of a target that brings one copy of an event for each interest that matches it.
//!
//! The copies come one after the other, so no moment is known at which an event is before a cut in one log and in another, and
//! nothing can take over from anything. Instead each topic stays with the interest that was there first: a later one leaves out
//! what an earlier one brings. An interest that the consumer gives up while a later one relies on it stays as a *hidden*
//! member, and of its events only those are handed out that another interest matches.

use std::collections::HashSet;

use super::backlog::Waiting;
use super::feed::Feed;
use super::member::Member;
use crate::gap::{Gap, GapReason};
use crate::name::{Interest, Topic};
use crate::router::Item;

impl Feed {
    /// A new member leaves out what earlier ones bring, and is not read at all if that is everything.
    pub(super) fn fit_in(&mut self, member: &mut Member) {
        let interest = member.interest().clone();
        let earlier = self.members.iter().flatten();
        let earlier = earlier.filter(|earlier| earlier.is_active() && earlier.subscription.has_cursor());
        let overlapping = earlier.map(Member::interest).filter(|earlier| earlier.overlaps(&interest));
        let left_out: HashSet<Interest> = overlapping.cloned().collect();
        if left_out.iter().any(|earlier| earlier.covers(&interest)) {
            member.subscription.hold();
            member.covered = true;
        }
        member.left_out = (!left_out.is_empty()).then(|| Box::new(left_out));
    }

    /// Whether a later interest relies on what this one brings.
    pub(super) fn is_relied_on(&self, member: &Member) -> bool {
        self.members.iter().flatten().any(|later| {
            let left_out = later.left_out.as_ref();
            left_out.is_some_and(|left_out| left_out.contains(member.interest()))
                && !self.hidden.contains(later.interest())
        })
    }

    /// Lets go of hidden members that nobody relies on any more.
    pub(super) fn drop_hidden(&mut self) {
        let gone: Vec<Interest> = self
            .hidden
            .iter()
            .filter(|hidden| {
                let member =
                    self.by_interest.get(hidden).and_then(|key| self.members[*key as usize].as_ref());
                member.is_none_or(|member| !self.is_relied_on(member))
            })
            .cloned()
            .collect();
        for interest in gone {
            self.hidden.remove(&interest);
            if let Some(key) = self.by_interest.get(&interest).copied() {
                self.take_out(&interest, key);
            }
        }
    }

    /// An interest that others rely on has ended by itself: they are read from now on, behind a gap.
    pub(super) fn do_without(&mut self, ended: &Interest) {
        let mut gap = false;
        for (interest, key) in &self.by_interest {
            let Some(member) = self.members[*key as usize].as_mut() else { continue };
            let Some(left_out) = member.left_out.as_mut().filter(|left_out| left_out.contains(ended)) else {
                continue;
            };
            left_out.remove(ended);
            if member.covered && !left_out.iter().any(|earlier| earlier.covers(interest)) {
                member.subscription.resume_alone();
                member.covered = false;
            }
            self.ready.wake(*key);
            // Of what is hidden nobody wants this.
            gap |= !self.hidden.contains(interest);
        }
        if gap {
            self.backlog.push(Waiting::Item(Item::Gap(Gap::new(GapReason::TransportLag, None))));
        }
    }

    /// Whether the consumer listens to this.
    pub(super) fn wants(&self, topic: &Topic) -> bool {
        let wanted =
            |interest: &Interest| self.by_interest.contains_key(interest) && !self.hidden.contains(interest);
        wanted(&topic.clone().into())
            || wanted(&topic.event_type().clone().into())
            || wanted(&Interest::Everything)
    }
}

impl Member {
    /// Whether an earlier interest brings this.
    pub(super) fn leaves_out(&self, topic: &Topic) -> bool {
        self.left_out.as_ref().is_some_and(|left_out| {
            left_out.contains(&topic.clone().into()) || left_out.contains(&topic.event_type().clone().into())
        })
    }
}
