//! The bounded recent past of one interest.
//!
//! Appending happens under one mutex, reading without it: a [`Cursor`](super::cursor::Cursor) holds the chunk it reads and comes
//! here only to find the next one, to learn what it missed, and to park. The log alone owns the chunks of its *window*,
//! that is, of as many events as the most patient of its readers may lag. A stalled reader therefore pins the window and the
//! one chunk it holds, nothing in between; chunks that everybody has read are let go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::after::After;
use super::blocking::{Blocking, Progress};
use super::bounds::Bounds;
use super::chunk::{Chunk, Entry};
use super::latest::LatestQueue;
use super::listeners::Listeners;
use super::parked::Parked;
use crate::event::Event;
use crate::gap::Gap;
use crate::name::Interest;
use crate::sync::{Mutex, MutexGuard};

/// A chunk starts small, since most topics are short lived, and grows while readers fall behind.
const FIRST_SLOTS: usize = 4;
/// Where everybody keeps up, larger chunks only hold on to more of what was read.
const CALM_SLOTS: usize = 16;
const MOST_SLOTS: usize = 64;
/// A reader that stalls pins one chunk, so a chunk ends early when its events are large.
const CHUNK_BYTES: u64 = 64 << 10;
/// More gaps than this are merged once they are behind the window.
const MOST_MARKS: usize = 32;

pub(crate) struct Log {
    pub(super) interest: Interest,
    /// The position behind the last entry. Written under the lock, after the entry.
    tail: AtomicU64,
    /// The encoded bytes of all entries so far.
    tail_bytes: AtomicU64,
    /// Whether a publisher waits for a reader with the policy `Block`.
    pub(super) publishers_wait: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    tail: u64,
    tail_bytes: u64,
    window: VecDeque<Held>,
    /// Readers that are in no chunk of the window: they have not read yet, or lag behind it.
    strays: u32,
    /// The bounds of the readers, each with how many have it; mostly one.
    bounds: Vec<(u64, u64, u32)>,
    pub(super) parked: Parked,
    /// Gaps in the log, for readers that skip them.
    marks: Vec<Mark>,
    /// How many gaps were appended so far.
    gaps: u64,
    pub(super) closed: bool,
    /// Readers and listeners of any kind.
    pub(super) members: u32,
    /// Members that only keep the interest.
    pub(super) held: u32,
    pub(super) rare: Option<Box<Rare>>,
}

/// What few logs have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) latest: Vec<Arc<LatestQueue>>,
    pub(super) listeners: Listeners,
    pub(super) blocking: Blocking,
}

struct Held {
    chunk: Arc<Chunk>,
    /// The readers that are in it.
    readers: u32,
}

struct Mark {
    position: u64,
    gap: Gap,
}

/// A reader's place was moved forward over entries that it will not see.
pub(super) struct Skipped {
    pub(super) events: u64,
    pub(super) gaps: Vec<Gap>,
    /// The gaps that were appended before its new place.
    pub(super) gaps_before: u64,
}

impl Log {
    pub(super) fn new(interest: Interest) -> Self {
        Self {
            interest,
            tail: AtomicU64::new(0),
            tail_bytes: AtomicU64::new(0),
            publishers_wait: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(crate) fn interest(&self) -> &Interest {
        &self.interest
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The position behind the last entry, seen without the lock: all entries before it can be read.
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    pub(super) fn tail_bytes(&self) -> u64 {
        self.tail_bytes.load(Ordering::Relaxed)
    }

    /// Appends under the lock that `state` is; what is to be done without it is left in `after`.
    pub(super) fn append(self: &Arc<Self>, state: &mut State, entry: Entry, after: &mut After) {
        if state.closed {
            // Who was told of the end hears nothing more.
            return after.drop_later(entry);
        }
        if let Some(rare) = &state.rare {
            for queue in &rare.latest {
                queue.push(&entry, after);
            }
            if rare.listeners.want_to_run() {
                after.listeners.push(self.clone());
            }
        }
        if let Entry::Gap(gap) = &entry {
            state.mark(Mark { position: state.tail, gap: **gap });
        }
        let bytes = entry.encoded_len();
        let position = state.tail;
        state.chunk_for_append(after).set(position, entry);
        state.tail += 1;
        state.tail_bytes += bytes;
        self.tail_bytes.store(state.tail_bytes, Ordering::Relaxed);
        self.tail.store(state.tail, Ordering::Release);
        state.parked.take(&mut after.wakes);
    }

    /// No further event; readers hand out what they hold and end.
    pub(super) fn close(self: &Arc<Self>, after: &mut After) {
        let mut state = self.lock();
        state.closed = true;
        state.parked.take(&mut after.wakes);
        if let Some(rare) = &mut state.rare {
            for queue in &rare.latest {
                queue.close(after);
            }
            rare.blocking.wake_publishers(&mut after.wakes);
            if rare.listeners.want_to_run() {
                after.listeners.push(self.clone());
            }
        }
    }
}

impl State {
    pub(super) fn tail(&self) -> u64 {
        self.tail
    }

    pub(super) fn tail_bytes(&self) -> u64 {
        self.tail_bytes
    }

    /// How many receive what is appended.
    pub(super) fn receivers(&self) -> u64 {
        if self.closed { 0 } else { u64::from(self.members - self.held) }
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// A new reader, at the end of the log: its place among the parked.
    pub(super) fn join(&mut self, bounds: Bounds) -> u32 {
        self.members += 1;
        self.strays += 1;
        match self.bounds.iter_mut().find(|(events, bytes, _)| (*events, *bytes) == (bounds.events, bounds.bytes)) {
            Some((.., readers)) => *readers += 1,
            None => {
                self.bounds.reserve_exact(1);
                self.bounds.push((bounds.events, bounds.bytes, 1));
            }
        }
        self.parked.join()
    }

    /// A reader goes, from the chunk it holds.
    pub(super) fn leave(
        &mut self,
        place: u32,
        bounds: Bounds,
        chunk: Option<&Arc<Chunk>>,
        after: &mut After,
    ) {
        self.members -= 1;
        self.leave_chunk(chunk);
        if let Some(at) = self
            .bounds
            .iter()
            .position(|(events, bytes, _)| (*events, *bytes) == (bounds.events, bounds.bytes))
        {
            self.bounds[at].2 -= 1;
            if self.bounds[at].2 == 0 {
                self.bounds.swap_remove(at);
            }
        }
        self.let_go(after);
        if let Some(wake) = self.parked.leave(place) {
            after.drop_later(wake);
        }
    }

    /// A reader that publishers wait for, before it joins.
    pub(super) fn blocking_join(&mut self, events: u64) -> Progress {
        let tail = self.tail;
        self.rare().blocking.join(tail, events)
    }

    /// Whether one more event exceeds no bound that publishers wait for.
    pub(super) fn has_room(&mut self) -> bool {
        let tail = self.tail;
        self.rare.as_mut().is_none_or(|rare| rare.blocking.has_room(tail))
    }

    /// Moves a reader to the chunk with `position`, which is at most the tail and in the window.
    ///
    /// `None` if nothing was written there yet.
    pub(super) fn enter_chunk(
        &mut self,
        old: Option<&Arc<Chunk>>,
        position: u64,
        after: &mut After,
    ) -> Option<Arc<Chunk>> {
        if position >= self.tail {
            return None;
        }
        let next = self.window.partition_point(|held| held.chunk.start <= position).checked_sub(1)?;
        self.window[next].readers += 1;
        let chunk = self.window[next].chunk.clone();
        self.leave_chunk(old);
        self.let_go(after);
        Some(chunk)
    }

    fn leave_chunk(&mut self, chunk: Option<&Arc<Chunk>>) {
        let held = chunk.and_then(|chunk| {
            let at = self.window.binary_search_by_key(&chunk.start, |held| held.chunk.start).ok()?;
            self.window.get_mut(at)
        });
        match held {
            Some(held) => held.readers -= 1,
            None => self.strays -= 1,
        }
    }

    /// The first position that a reader at `position` with these bounds may still see.
    pub(super) fn floor(&self, position: u64, position_bytes: u64, bounds: Bounds) -> u64 {
        let mut floor = position.max(self.tail.saturating_sub(bounds.events));
        if self.tail_bytes - position_bytes > bounds.bytes {
            // The last event is seen whatever its size.
            let last = self.tail.saturating_sub(1).max(position);
            floor = floor.max(self.position_at(self.tail_bytes - bounds.bytes).min(last));
        }
        floor.max(self.window.front().map_or(self.tail, |held| held.chunk.start))
    }

    /// The first position in the window before which at least so many bytes were appended.
    fn position_at(&self, bytes: u64) -> u64 {
        match self.window.partition_point(|held| held.chunk.start_bytes <= bytes).checked_sub(1) {
            Some(at) => self.window[at].chunk.position_at(bytes),
            None => self.window.front().map_or(self.tail, |held| held.chunk.start),
        }
    }

    /// The bytes of all entries before `position`; for what is before the window, those before the window.
    pub(super) fn bytes_at(&self, position: u64) -> u64 {
        match self.window.partition_point(|held| held.chunk.start <= position).checked_sub(1) {
            Some(at) => self.window[at].chunk.bytes_at(position.min(self.tail)),
            None => self.window.front().map_or(self.tail_bytes, |held| held.chunk.start_bytes),
        }
    }

    /// How many gaps were appended so far.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// What a reader misses that goes from one position to a later one in the window; before its old place,
    /// `gaps_before` gaps were appended.
    pub(super) fn skip(&self, from: u64, to: u64, gaps_before: u64) -> Skipped {
        let mut skipped = Skipped { events: 0, gaps: Vec::new(), gaps_before: self.gaps };
        for mark in &self.marks {
            if mark.position >= to {
                skipped.gaps_before -= 1;
            } else if mark.position >= from {
                Gap::collect(&mut skipped.gaps, mark.gap);
            }
        }
        skipped.events = to - from - (skipped.gaps_before - gaps_before);
        skipped
    }

    fn mark(&mut self, mark: Mark) {
        let front = self.window.front().map_or(self.tail, |held| held.chunk.start);
        if self.strays == 0 {
            self.marks.retain(|mark| mark.position >= front);
        }
        // In the window each is kept; for who lags behind it, the two oldest become one, at the place of the later.
        if self.marks.len() >= MOST_MARKS && self.marks[1].position < front {
            let oldest = self.marks.remove(0);
            let next = &mut self.marks[0];
            next.gap = oldest.gap.merge(next.gap).unwrap_or(Gap::new(next.gap.reason(), None));
        }
        self.gaps += 1;
        self.marks.push(mark);
    }

    fn chunk_for_append(&mut self, after: &mut After) -> &Chunk {
        let slots = match self.window.back() {
            None => Some(FIRST_SLOTS),
            Some(Held { chunk, .. }) => {
                let full = self.tail - chunk.start >= chunk.slots() as u64;
                let heavy = self.tail_bytes - chunk.start_bytes >= CHUNK_BYTES;
                (full || heavy).then(|| {
                    let most = if self.parked.all() { CALM_SLOTS } else { MOST_SLOTS };
                    if full { (chunk.slots() * 2).min(most) } else { chunk.slots() }
                })
            }
        };
        if let Some(slots) = slots {
            self.begin_chunk(slots, after);
        }
        // There is a chunk: it was there or has been made.
        &self.window[self.window.len() - 1].chunk
    }

    fn begin_chunk(&mut self, slots: usize, after: &mut After) {
        let chunk = Arc::new(Chunk::new(self.tail, self.tail_bytes, slots));
        if self.window.is_empty() {
            self.window.reserve_exact(1);
        }
        self.window.push_back(Held { chunk, readers: 0 });
        let (events, bytes) = self
            .bounds
            .iter()
            .fold((0, 0), |most, (events, bytes, _)| (most.0.max(*events), most.1.max(*bytes)));
        // What lies before the second chunk is beyond everybody's bounds.
        while let [_, second, ..] = self.window.make_contiguous() {
            let beyond = self.tail - second.chunk.start >= events
                || (self.tail_bytes - second.chunk.start_bytes > bytes && self.tail > second.chunk.start);
            if !beyond {
                break;
            }
            if let Some(held) = self.window.pop_front() {
                self.strays += held.readers;
                after.drop_later(held.chunk);
            }
        }
        self.let_go(after);
    }

    /// Lets go of what everybody has read.
    fn let_go(&mut self, after: &mut After) {
        while self.strays == 0 && self.window.len() > 1 && self.window[0].readers == 0 {
            if let Some(held) = self.window.pop_front() {
                after.drop_later(held.chunk);
            }
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("interest", &self.interest).field("tail", &self.tail()).finish_non_exhaustive()
    }
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Entry::Event(event)
    }
}

impl From<Gap> for Entry {
    fn from(gap: Gap) -> Self {
        Entry::Gap(Box::new(gap))
    }
}
