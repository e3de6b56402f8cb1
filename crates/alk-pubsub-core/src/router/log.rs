//! The bounded recent past of one interest.
//!
//! Appending happens under one mutex, reading without it: a [`Cursor`](super::cursor::Cursor) holds the chunk it reads and comes
//! here only to find the next one, to learn what it missed, and to park. The log alone owns the chunks of its *window*. A
//! stalled reader therefore pins as much of the window as its bounds allow and the one chunk it holds, nothing in
//! between; chunks that everybody has read are let go.

use std::ops::AddAssign;
use std::sync::Arc;
use std::task::Waker;

use super::after::After;
use super::blocking::{Blocking, Progress};
use super::bounds::Bounds;
use super::chunk::{Chunk, Entry, FIRST_SLOTS};
use super::latest::LatestQueue;
use super::listeners::Listeners;
use super::marks::Marks;
use super::parked::Parked;
use super::window::{End, Window};
use crate::error::Error;
use crate::event::Event;
use crate::gap::Gap;
use crate::latency::LatencySample;
use crate::name::Interest;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

const MOST_SLOTS: usize = if cfg!(loom) { 2 } else { 32 };
/// A reader that stalls pins one chunk, so a chunk ends early when its events are large.
const CHUNK_BYTES: u64 = 64 << 10;

pub(crate) struct Log {
    pub(super) interest: Interest,
    /// The position behind the last entry. Written under the lock, after the entry.
    tail: AtomicU64,
    /// The encoded bytes of all entries so far.
    tail_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    end: End,
    window: Window,
    pub(super) parked: Parked,
    pub(super) closed: bool,
    /// Readers and listeners of any kind.
    pub(super) members: u32,
    /// Members that only keep the interest.
    pub(super) held: u32,
    /// Publishers that have it at hand. It stays in the table for their sake.
    pub(super) routes: u32,
    pub(super) counts: Counts,
    pub(super) rare: Option<Box<Rare>>,
}

/// What was counted, with the lock held that is held anyway.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Events, each in the first log that it is appended to.
    pub(super) published: u64,
    /// Events times their receivers.
    pub(super) delivered: u64,
}

/// What the log knows a reader by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    /// Its place among the parked.
    pub(super) place: u32,
    /// Its class in the window.
    class: u32,
}

/// What few logs have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) latest: Vec<Arc<LatestQueue>>,
    pub(super) listeners: Listeners,
    pub(super) blocking: Blocking,
    marks: Marks,
    /// Why it was closed, if not by its owner.
    why: Option<Error>,
}

/// A reader's place was moved forward over entries that it will not see.
pub(super) struct Skipped {
    pub(super) events: u64,
    pub(super) gaps: Vec<Gap>,
    /// The gaps that were appended before its new place.
    pub(super) gaps_before: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.published += other.published;
        self.delivered += other.delivered;
    }
}

impl Log {
    pub(super) fn new(interest: Interest) -> Self {
        Self { interest, tail: AtomicU64::new(0), tail_bytes: AtomicU64::new(0), state: Mutex::default() }
    }

    pub(crate) fn interest(&self) -> &Interest {
        &self.interest
    }

    /// Why it was ended, if that is not its owner's wish.
    pub(crate) fn ended_by(&self) -> Option<Error> {
        self.lock().why_closed()
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
    #[inline]
    pub(super) fn append(self: &Arc<Self>, state: &mut State, entry: Entry, after: &mut After) {
        if state.closed || state.members == 0 {
            // Who was told of the end hears nothing more.
            return after.drop_later(entry);
        }
        if let Some(rare) = &state.rare {
            for queue in &rare.latest {
                queue.push(&entry, after);
            }
            if rare.listeners.want_to_run() {
                after.run_listeners_later(self.clone());
            }
        }
        if let Entry::Gap(gap) = &entry {
            state.mark(**gap);
        }
        let bytes = entry.encoded_len();
        if state.needs_chunk() {
            state.begin_chunk(after);
        }
        let position = state.end.position;
        if let Some(chunk) = state.window.back() {
            chunk.set(position, entry);
        }
        state.end.position += 1;
        state.end.bytes += bytes;
        self.tail_bytes.store(state.end.bytes, Ordering::Relaxed);
        self.tail.store(state.end.position, Ordering::Release);
        state.parked.take(&mut after.wakes);
    }

    /// No further event; readers hand out what they hold and end. `why` if that is not their owner's wish.
    pub(super) fn close(self: &Arc<Self>, why: Option<&Error>, after: &mut After) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        if let Some(why) = why {
            state.rare().why = Some(why.clone());
        }
        state.parked.take(&mut after.wakes);
        if let Some(rare) = &mut state.rare {
            for queue in &rare.latest {
                queue.close(after);
            }
            rare.blocking.wake_publishers(&mut after.wakes);
            if rare.listeners.want_to_run() {
                after.run_listeners_later(self.clone());
            }
        }
    }
}

impl State {
    pub(super) fn tail(&self) -> u64 {
        self.end.position
    }

    pub(super) fn tail_bytes(&self) -> u64 {
        self.end.bytes
    }

    /// Why it was closed, if not by its owner.
    pub(super) fn why_closed(&self) -> Option<Error> {
        self.rare.as_ref()?.why.clone()
    }

    /// How many receive what is appended.
    pub(super) fn receivers(&self) -> u64 {
        if self.closed { 0 } else { u64::from(self.members - self.held) }
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// A new reader, at the end of the log.
    pub(super) fn join(&mut self, bounds: Bounds) -> Reader {
        self.members += 1;
        Reader { place: self.parked.join(), class: self.window.join(bounds) }
    }

    /// A reader goes, from the chunk it holds.
    pub(super) fn leave(&mut self, reader: Reader, chunk: Option<&Arc<Chunk>>, after: &mut After) {
        self.members -= 1;
        self.window.leave(reader.class, chunk, self.end, after);
        if let Some(wake) = self.parked.leave(reader.place) {
            after.drop_later(wake);
        }
    }

    /// Is as new, but for its end, if nobody is left and nobody runs the listeners that were there.
    pub(super) fn clear_unused(&mut self, after: &mut After) {
        if self.members == 0 && !self.window.has_readers() {
            std::mem::take(&mut self.window).drop_later(after);
            self.parked = Parked::default();
        }
    }

    /// A reader has something to look at, though nothing was appended.
    pub(super) fn wake_reader(&mut self, place: u32, after: &mut After) {
        if let Some(wake) = self.parked.unpark(place) {
            after.wakes.push(wake);
        }
    }

    /// A reader that publishers wait for, before it joins.
    pub(super) fn blocking_join(&mut self, events: u64) -> Arc<Progress> {
        let tail = self.tail();
        self.rare().blocking.join(tail, events)
    }

    /// Whether one more event, or with `ample` a few more, exceeds no bound that publishers wait for.
    pub(super) fn has_room(&mut self, ample: bool) -> bool {
        let tail = self.tail();
        self.closed || self.rare.as_mut().is_none_or(|rare| rare.blocking.has_room(tail, ample))
    }

    /// See [`Blocking::wait`].
    pub(super) fn wait_for_room(&mut self, publisher: &mut Option<u64>, waker: &Waker) -> bool {
        let tail = self.tail();
        self.rare().blocking.wait(tail, publisher, waker)
    }

    /// See [`Blocking::forget`].
    pub(super) fn forget_publisher(&mut self, publisher: u64) -> Option<Waker> {
        self.rare.as_mut()?.blocking.forget(publisher)
    }

    /// Moves a reader to the chunk with `position`, which is at most the tail and in the window.
    ///
    /// `None` if nothing was written there yet.
    pub(super) fn enter_chunk(
        &mut self,
        reader: Reader,
        old: Option<&Arc<Chunk>>,
        position: u64,
        after: &mut After,
    ) -> Option<Arc<Chunk>> {
        if position >= self.end.position {
            return None;
        }
        self.window.enter(reader.class, old, position, self.end, after)
    }

    /// The first position that a reader at `position` with these bounds may still see.
    pub(super) fn floor(&self, position: u64, position_bytes: u64, bounds: Bounds) -> u64 {
        let End { position: tail, bytes } = self.end;
        let mut floor = position.max(tail.saturating_sub(bounds.events));
        if bytes - position_bytes > bounds.bytes {
            // The last event is seen whatever its size.
            let last = tail.saturating_sub(1).max(position);
            floor = floor.max(self.window.position_at(bytes - bounds.bytes, self.end).min(last));
        }
        floor.max(self.window.front(self.end))
    }

    /// The bytes of all entries before a position in the window.
    pub(super) fn bytes_at(&self, position: u64) -> u64 {
        self.window.bytes_at(position, self.end)
    }

    /// Has the last entry timed on its way to those who send frames of it.
    #[cold]
    pub(super) fn time_last(&self, sample: &LatencySample) {
        if let (Some(chunk), Some(last)) = (self.window.back(), self.end.position.checked_sub(1)) {
            chunk.time(last, sample);
        }
    }

    /// At most how many entries wait to be read, each times its readers; see [`Stats`](crate::Stats).
    pub(super) fn waiting(&self) -> u64 {
        let latest = self.rare.iter().flat_map(|rare| &rare.latest).map(|queue| queue.len() as u64);
        self.window.waiting(self.end, self.parked.count()) + latest.sum::<u64>()
    }

    /// How many gaps were appended so far.
    pub(super) fn gaps(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.marks.gaps())
    }

    /// See [`Marks::skip`].
    pub(super) fn skip(&self, from: u64, to: u64, gaps_before: u64) -> Skipped {
        match &self.rare {
            Some(rare) => rare.marks.skip(from, to, gaps_before),
            None => Marks::default().skip(from, to, gaps_before),
        }
    }

    #[cold]
    fn mark(&mut self, gap: Gap) {
        let (end, front, strays) = (self.end, self.window.front(self.end), self.window.has_strays());
        self.rare().marks.add(end.position, gap, front, strays);
    }

    /// Whether the next entry goes to a new chunk.
    #[inline]
    fn needs_chunk(&self) -> bool {
        self.window.back().is_none_or(|chunk| self.is_full(chunk) || self.is_heavy(chunk))
    }

    fn is_full(&self, chunk: &Chunk) -> bool {
        self.end.position - chunk.start >= chunk.slots() as u64
    }

    fn is_heavy(&self, chunk: &Chunk) -> bool {
        self.end.bytes - chunk.start_bytes >= CHUNK_BYTES
    }

    #[inline(never)]
    fn begin_chunk(&mut self, after: &mut After) {
        let slots = match self.window.back() {
            None => FIRST_SLOTS,
            Some(chunk) if self.is_full(chunk) => {
                // Where everybody keeps up, a larger chunk only holds on to more of what was read.
                if self.parked.all() { FIRST_SLOTS } else { (chunk.slots() * 2).min(MOST_SLOTS) }
            }
            Some(chunk) => chunk.slots(),
        };
        self.window.begin_chunk(slots, self.end, after);
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("interest", &self.interest)
            .field("tail", &self.tail())
            .finish_non_exhaustive()
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
