use std::collections::VecDeque;

use crate::gap::{Gap, GapReason};
use crate::name::{Interest, Topic};
use crate::router::{Bounds, Item};

/// What was taken from one interest when another took its place: older than what any interest of the feed still has.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    events: u64,
    bytes: u64,
}

pub(super) enum Waiting {
    Item(Item),
    Ended(Interest),
}

impl Backlog {
    pub(super) fn push(&mut self, waiting: Waiting) {
        if let Waiting::Item(Item::Event(event)) = &waiting {
            self.events += 1;
            self.bytes += event.encoded_len() as u64;
        }
        self.waiting.push_back(waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        if let Waiting::Item(Item::Event(event)) = &waiting {
            self.events -= 1;
            self.bytes -= event.encoded_len() as u64;
        }
        Some(waiting)
    }

    /// How many events and encoded bytes there are.
    pub(super) fn lag(&self) -> (u64, u64) {
        (self.events, self.bytes)
    }

    /// Leaves out the oldest events until it is within these bounds; returns the gap that stands in their place.
    pub(super) fn keep_within(&mut self, bounds: Bounds) -> Option<Gap> {
        let (mut missed, mut gaps, mut ended) = (0, Vec::new(), Vec::new());
        while self.events > bounds.events || (self.bytes > bounds.bytes && self.events > 1) {
            match self.pop()? {
                Waiting::Item(Item::Event(_)) => missed += 1,
                Waiting::Item(Item::Gap(gap)) => Gap::collect(&mut gaps, gap),
                Waiting::Ended(interest) => ended.push(interest),
            }
        }
        let gap = (missed > 0).then(|| Gap::new(GapReason::Overflow, Some(missed)))?;
        Gap::collect(&mut gaps, gap);
        let gaps = gaps.into_iter().map(|gap| Waiting::Item(Item::Gap(gap)));
        let ended = ended.into_iter().map(Waiting::Ended);
        gaps.chain(ended).rev().for_each(|waiting| self.waiting.push_front(waiting));
        Some(gap)
    }

    /// Leaves out the events of topics that nobody wants any more.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Topic) -> bool) {
        let (events, bytes) = (&mut self.events, &mut self.bytes);
        self.waiting.retain(|waiting| match waiting {
            Waiting::Item(Item::Event(event)) if !wanted(event.topic()) => {
                *events -= 1;
                *bytes -= event.encoded_len() as u64;
                false
            }
            _ => true,
        });
    }
}
