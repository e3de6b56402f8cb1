use std::collections::VecDeque;

use crate::gap::{Gap, GapReason};
use crate::name::{Interest, Topic};
use crate::router::{Bounds, Item};

/// What was taken from one interest when another took its place: older than what any interest of the feed still has.
///
/// Few feeds ever have one. Where there is none it costs a pointer.
#[derive(Default)]
pub(super) struct Backlog(Option<Box<Inner>>);

#[derive(Default)]
struct Inner {
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
        let inner = self.0.get_or_insert_default();
        if let Waiting::Item(Item::Event(event)) = &waiting {
            inner.events += 1;
            inner.bytes += event.encoded_len() as u64;
        }
        inner.waiting.push_back(waiting);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.0.as_mut()?;
        self.pop_front()
    }

    #[cold]
    fn pop_front(&mut self) -> Option<Waiting> {
        let inner = self.0.as_mut()?;
        let Some(waiting) = inner.waiting.pop_front() else {
            self.0 = None;
            return None;
        };
        if let Waiting::Item(Item::Event(event)) = &waiting {
            inner.events -= 1;
            inner.bytes -= event.encoded_len() as u64;
        }
        Some(waiting)
    }

    /// How many events and encoded bytes there are.
    pub(super) fn lag(&self) -> (u64, u64) {
        self.0.as_ref().map_or((0, 0), |inner| (inner.events, inner.bytes))
    }

    /// Leaves out the oldest events until it is within these bounds; returns the gap that stands in their place.
    pub(super) fn keep_within(&mut self, bounds: Bounds) -> Option<Gap> {
        let (mut missed, mut gaps, mut ended) = (0, Vec::new(), Vec::new());
        while let (waiting, bytes) = self.lag()
            && (waiting > bounds.events || (bytes > bounds.bytes && waiting > 1))
        {
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
        let inner = self.0.get_or_insert_default();
        gaps.chain(ended).rev().for_each(|waiting| inner.waiting.push_front(waiting));
        Some(gap)
    }

    /// Leaves out the events of topics that nobody wants any more.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Topic) -> bool) {
        let Some(Inner { waiting, events, bytes }) = self.0.as_deref_mut() else { return };
        waiting.retain(|waiting| match waiting {
            Waiting::Item(Item::Event(event)) if !wanted(event.topic()) => {
                *events -= 1;
                *bytes -= event.encoded_len() as u64;
                false
            }
            _ => true,
        });
    }
}
