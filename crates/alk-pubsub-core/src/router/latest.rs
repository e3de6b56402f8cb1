//! The queue of a subscription that keeps the newest event of each topic.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::after::After;
use super::chunk::Entry;
use super::wake::Wake;
use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::name::Topic;
use crate::sync::Mutex;

/// A queue until it is full; from then on, until it was empty once, a new event takes the place of the queued one of
/// its topic.
pub(crate) struct LatestQueue {
    capacity: usize,
    bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<u64, Event>,
    newest: HashMap<Topic, u64>,
    next: u64,
    bytes: u64,
    /// Whether no topic stands in the queue twice.
    conflated: bool,
    /// How many events were left out since the reader was told.
    missed: u64,
    /// Other gaps, each with its place in the queue.
    gaps: VecDeque<(u64, Gap)>,
    wake: Option<Wake>,
    closed: bool,
}

/// More gaps than this are merged.
const MOST_GAPS: usize = 32;

/// What the queue has for its reader.
pub(super) enum Taken {
    Event(Event),
    Gap(Gap),
    Nothing,
    Closed,
}

impl LatestQueue {
    pub(super) fn new(capacity: u64, bytes: u64) -> Self {
        Self { capacity: usize::try_from(capacity).unwrap_or(usize::MAX), bytes, state: Mutex::default() }
    }

    pub(super) fn push(&self, entry: &Entry, after: &mut After) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        match entry {
            Entry::Gap(gap) => state.gap(**gap),
            Entry::Event(event) => {
                state.insert(event.clone(), after);
                while state.queue.len() > self.capacity || (state.bytes > self.bytes && state.queue.len() > 1)
                {
                    state.make_room(after);
                }
            }
        }
        if let Some(wake) = state.wake.take() {
            after.wakes.push(wake);
        }
    }

    pub(super) fn take(&self) -> Taken {
        let mut state = self.state.lock();
        if state.missed > 0 {
            return Taken::Gap(Gap::new(GapReason::Overflow, Some(std::mem::take(&mut state.missed))));
        }
        if let Some((place, gap)) = state.gaps.front().copied()
            && state.queue.first_key_value().is_none_or(|(at, _)| *at >= place)
        {
            state.gaps.pop_front();
            return Taken::Gap(gap);
        }
        match state.queue.pop_first() {
            Some((at, event)) => {
                state.bytes -= event.encoded_len() as u64;
                if state.newest.get(event.topic()) == Some(&at) {
                    state.newest.remove(event.topic());
                }
                if state.queue.is_empty() {
                    state.conflated = false;
                }
                Taken::Event(event)
            }
            None if state.closed => Taken::Closed,
            None => Taken::Nothing,
        }
    }

    /// Parks the reader unless there is something for it; whether it was parked.
    pub(super) fn park(&self, wake: Wake) -> bool {
        let mut state = self.state.lock();
        let parked = state.is_empty() && !state.closed;
        let old = if parked { state.wake.replace(wake) } else { Some(wake) };
        drop(state);
        drop(old);
        parked
    }

    /// Has the reader not woken any more; what it would have been woken by.
    pub(super) fn unpark(&self) -> Option<Wake> {
        self.state.lock().wake.take()
    }

    pub(super) fn close(&self, after: &mut After) {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(wake) = state.wake.take() {
            after.wakes.push(wake);
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        let state = self.state.lock();
        state.closed && state.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().queue.len()
    }
}

impl State {
    fn insert(&mut self, event: Event, after: &mut After) {
        let at = self.next;
        self.next += 1;
        self.bytes += event.encoded_len() as u64;
        let before = self.newest.insert(event.topic().clone(), at);
        if self.conflated
            && let Some(old) = before.and_then(|before| self.queue.remove(&before))
        {
            self.dropped(old, after);
        }
        self.queue.insert(at, event);
    }

    /// Drops what newer events of the same topics stand for; if that was done already, the oldest event.
    fn make_room(&mut self, after: &mut After) {
        if self.conflated {
            if let Some((_, oldest)) = self.queue.pop_first() {
                self.newest.remove(oldest.topic());
                self.dropped(oldest, after);
            }
            return;
        }
        let newest = &self.newest;
        let old: Vec<u64> = self
            .queue
            .iter()
            .filter(|(at, event)| newest.get(event.topic()) != Some(at))
            .map(|(at, _)| *at)
            .collect();
        for at in old {
            if let Some(event) = self.queue.remove(&at) {
                self.dropped(event, after);
            }
        }
        self.conflated = true;
    }

    fn dropped(&mut self, event: Event, after: &mut After) {
        self.bytes -= event.encoded_len() as u64;
        after.drop_later(Entry::Event(event));
        self.missed += 1;
    }

    fn gap(&mut self, gap: Gap) {
        let place = self.next;
        // Gaps at one place are told as one.
        for (_, last) in self.gaps.iter_mut().rev().take_while(|(other, _)| *other == place) {
            if let Some(merged) = last.merge(gap) {
                *last = merged;
                return;
            }
        }
        self.gaps.push_back((place, gap));
        if self.gaps.len() > MOST_GAPS
            && let Some((place, oldest)) = self.gaps.pop_front()
            && let Some((next_place, next)) = self.gaps.front_mut()
        {
            *next = oldest.merge(*next).unwrap_or(Gap::new(next.reason(), None));
            *next_place = place;
        }
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.gaps.is_empty() && self.missed == 0
    }
}
