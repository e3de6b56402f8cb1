//! One reader's place in a log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::after::After;
use super::blocking::Progress;
use super::bounds::{Bounds, Overflow};
use super::chunk::{Chunk, Entry};
use super::ending::{Ending, What};
use super::frames::{Frames, Framing};
use super::log::{Log, Reader, State};
use super::wake::{Wake, Wakes};
use crate::event::Event;
use crate::gap::{Gap, GapReason};

/// Room for gaps that a log has beside events, for readers that must not miss one.
const GAP_ROOM: u64 = 64;

pub(crate) struct Cursor {
    log: Arc<Log>,
    /// The chunk that holds `position`, or that held the position before it.
    chunk: Option<Arc<Chunk>>,
    position: u64,
    position_bytes: u64,
    /// Up to here entries are written and may be seen, whatever was appended since. Only known of a reader that publishers wait
    /// for: another one may be made to skip entries at any time.
    seen: u64,
    /// Whether some of the entries up to there may have bytes.
    bytes_seen: bool,
    // Its bounds, not as one for the sake of their size: there may be very many cursors.
    overflow: Overflow,
    events: u64,
    bytes: u64,
    reader: Reader,
    progress: Option<Arc<Progress>>,
    rare: Option<Box<Rare>>,
}

/// What few cursors have.
#[derive(Default)]
struct Rare {
    /// The subscription ended by its own policy.
    ended: bool,
    /// Gaps at the position.
    gaps: VecDeque<Gap>,
    /// How many gaps were appended to the log before the position.
    gaps_before: u64,
    /// There if it can be ended from outside.
    ending: Option<Arc<Ending>>,
}

/// What a cursor comes upon.
pub(crate) enum Next {
    Event(Event),
    Gap(Gap),
    /// All there is was read.
    Empty,
    /// The end.
    Closed,
}

/// As [`Next`], with frames for events.
pub(crate) enum NextFrames {
    Frames(Frames),
    Gap(Gap),
    Empty,
    Closed,
}

enum Ready {
    /// The entry at `position` is in `chunk`; entries up to this tail are written.
    Entries(u64),
    Gap(Gap),
    Empty,
    Closed,
}

impl Cursor {
    /// A reader of all that is appended from now on.
    pub(super) fn join(log: &Arc<Log>, state: &mut State, bounds: Bounds) -> Self {
        let progress = (bounds.overflow == Overflow::Block).then(|| state.blocking_join(bounds.events));
        let reader = state.join(kept(bounds));
        let mut cursor = Self {
            log: log.clone(),
            chunk: None,
            position: state.tail(),
            position_bytes: state.tail_bytes(),
            seen: 0,
            bytes_seen: false,
            overflow: bounds.overflow,
            events: bounds.events,
            bytes: bounds.bytes,
            reader,
            progress,
            rare: None,
        };
        cursor.set_gaps_before(state.gaps());
        cursor
    }

    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { events: self.events, bytes: self.bytes, overflow: self.overflow }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn gaps_before(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.gaps_before)
    }

    fn set_gaps_before(&mut self, gaps: u64) {
        if gaps != self.gaps_before() {
            self.rare().gaps_before = gaps;
        }
    }

    fn ended(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.ended)
    }

    /// Takes the first of the gaps at the position.
    fn take_gap(&mut self) -> Option<Gap> {
        self.rare.as_mut()?.gaps.pop_front()
    }

    pub(super) fn ending(&self) -> Option<&Arc<Ending>> {
        self.rare.as_ref()?.ending.as_ref()
    }

    /// What ends it from outside, with the lock of the log as `state`.
    pub(super) fn new_ending(&mut self, state: &State) -> Arc<Ending> {
        let what = What::Cursor(self.progress.clone());
        let ending = Ending::new(self.log.clone(), self.reader.place, what);
        self.set_ending(ending.clone(), state);
        ending
    }

    pub(super) fn set_ending(&mut self, ending: Arc<Ending>, state: &State) {
        ending.moved(self.reader.place, state);
        self.rare().ending = Some(ending);
    }

    #[inline]
    fn is_at_its_end(&self) -> bool {
        self.ending().is_some_and(|ending| self.position >= ending.end())
    }

    /// Takes the reader out of its log. To be called once, with the lock of the log as `state`.
    pub(super) fn leave(&mut self, state: &mut State, after: &mut After) {
        state.leave(self.reader, self.chunk.as_ref(), after);
        if let (Some(progress), Some(rare)) = (self.progress.take(), &mut state.rare) {
            rare.blocking.leave(&progress, &mut after.wakes);
        }
    }

    /// How many entries there are to read.
    pub(crate) fn lag(&self) -> u64 {
        self.log.tail() - self.position
    }

    /// How many encoded bytes there are to read.
    pub(crate) fn lag_bytes(&self) -> u64 {
        self.log.tail_bytes().saturating_sub(self.position_bytes)
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether gaps are to be handed out before the entry at the position.
    pub(crate) fn has_gaps(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.gaps.is_empty())
    }

    /// Whether the subscription ended because it lagged too far.
    pub(crate) fn ended_by_policy(&self) -> bool {
        self.ended()
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Next {
        match self.next_at_hand() {
            Some(event) => Next::Event(event),
            None => self.next_beyond(),
        }
    }

    /// The next event where it is an event, in the chunk that is read already, and within the bounds.
    #[inline]
    fn next_at_hand(&mut self) -> Option<Event> {
        if (self.position >= self.seen && !self.look_ahead()) || self.is_special() {
            return None;
        }
        let Entry::Event(event) = self.chunk.as_ref()?.get(self.position)? else { return None };
        let event = event.clone();
        if self.bytes_seen {
            self.position_bytes += event.encoded_len() as u64;
        }
        self.advance(1);
        Some(event)
    }

    /// Looks at the tail, where publishers write. Whether there is an entry at the position that may be seen.
    #[inline]
    fn look_ahead(&mut self) -> bool {
        let tail = self.log.tail();
        let lag = tail - self.position;
        let bytes = self.log.tail_bytes() - self.position_bytes;
        // Where there is no lag an entry may be written, but the lock is still held.
        if lag == 0 || !self.is_within(lag, bytes) {
            return false;
        }
        self.bytes_seen = bytes > 0;
        if self.progress.is_some() {
            self.seen = tail;
        }
        true
    }

    /// Whether it may lag by so many entries, which have so many bytes.
    #[inline]
    fn is_within(&self, lag: u64, bytes: u64) -> bool {
        if self.progress.is_some() {
            return lag <= self.events.saturating_add(GAP_ROOM);
        }
        lag <= self.events && (bytes <= self.bytes || lag == 1)
    }

    fn next_beyond(&mut self) -> Next {
        match self.prepare() {
            Ready::Gap(gap) => Next::Gap(gap),
            Ready::Empty => Next::Empty,
            Ready::Closed => Next::Closed,
            Ready::Entries(_) => match self.chunk.as_ref().and_then(|chunk| chunk.get(self.position)) {
                Some(Entry::Event(event)) => {
                    let event = event.clone();
                    self.position_bytes += event.encoded_len() as u64;
                    self.advance(1);
                    Next::Event(event)
                }
                Some(Entry::Gap(gap)) => {
                    let gap = **gap;
                    self.rare().gaps_before += 1;
                    self.advance(1);
                    Next::Gap(gap)
                }
                None => Next::Empty,
            },
        }
    }

    /// Whether something else than the entry at the position may come next.
    #[inline]
    fn is_special(&self) -> bool {
        self.rare.is_some() && (self.ended() || self.has_gaps() || self.is_at_its_end())
    }

    /// Takes the frames of the next events, of as many as are encoded together.
    pub(crate) fn next_frames(&mut self, framing: &dyn Framing) -> NextFrames {
        let tail = match self.prepare() {
            Ready::Gap(gap) => return NextFrames::Gap(gap),
            Ready::Empty => return NextFrames::Empty,
            Ready::Closed => return NextFrames::Closed,
            Ready::Entries(tail) => tail,
        };
        let Some(chunk) = &self.chunk else { return NextFrames::Empty };
        if let Some(Entry::Gap(gap)) = chunk.get(self.position) {
            let gap = **gap;
            self.rare().gaps_before += 1;
            self.advance(1);
            return NextFrames::Gap(gap);
        }
        let last = self.ending().map_or(tail, |ending| ending.end().min(tail));
        let end = last.min(chunk.start + chunk.slots() as u64);
        match chunk.frames(framing, self.position, end) {
            Some(frames) => {
                let to = self.position + frames.events;
                let read = chunk.bytes_between(self.position, to);
                self.position_bytes += read;
                self.advance(frames.events);
                NextFrames::Frames(frames)
            }
            None => {
                self.position_bytes += chunk.bytes_between(self.position, self.position + 1);
                self.advance(1);
                NextFrames::Gap(Gap::new(GapReason::Undecodable, Some(1)))
            }
        }
    }

    #[inline]
    fn advance(&mut self, entries: u64) {
        let from = self.position;
        self.position += entries;
        if let Some(progress) = &self.progress
            && progress.advance(from, self.position)
        {
            self.let_publishers_go_on(progress);
        }
    }

    #[cold]
    fn let_publishers_go_on(&self, progress: &Progress) {
        let mut wakes = Wakes::default();
        {
            let mut state = self.log.lock();
            let tail = state.tail();
            state.rare().blocking.moved_on(tail, progress, &mut wakes);
        }
        wakes.wake();
    }

    /// Brings the cursor to the next entry, over what it may not see any more.
    fn prepare(&mut self) -> Ready {
        if let Some(gap) = self.take_gap() {
            return Ready::Gap(gap);
        }
        // Looked at first: who sees what was appended after the end sees the end too.
        let tail = self.log.tail();
        if self.ended() || self.is_at_its_end() {
            return Ready::Closed;
        }
        let lag = tail - self.position;
        if lag == 0 {
            return Ready::Empty;
        }
        if self.is_within(lag, self.log.tail_bytes() - self.position_bytes)
            && self.chunk.as_ref().is_some_and(|chunk| chunk.get(self.position).is_some())
        {
            return Ready::Entries(tail);
        }
        self.find_chunk()
    }

    #[cold]
    fn find_chunk(&mut self) -> Ready {
        let tail = self.keep_within(kept(self.bounds()));
        if let Some(gap) = self.take_gap() {
            return Ready::Gap(gap);
        }
        if self.ended() || self.is_at_its_end() { Ready::Closed } else { Ready::Entries(tail) }
    }

    /// Leaves out what exceeds these bounds and goes to the chunk of the next entry. Returns the tail.
    pub(crate) fn keep_within(&mut self, bounds: Bounds) -> u64 {
        let mut after = After::default();
        let mut state = self.log.lock();
        let tail = state.tail();
        let floor = state.floor(self.position, self.position_bytes, bounds);
        if floor > self.position {
            let close = self.overflow == Overflow::Close;
            let to = if close { tail } else { floor };
            let skipped = state.skip(self.position, to, self.gaps_before());
            self.position_bytes = state.bytes_at(to);
            self.position = to;
            let rare = self.rare.get_or_insert_default();
            rare.gaps_before = skipped.gaps_before;
            rare.ended = close;
            if skipped.events > 0 {
                rare.gaps.push_back(Gap::new(GapReason::Overflow, Some(skipped.events)));
            }
            rare.gaps.extend(skipped.gaps);
        }
        let chunk = state.enter_chunk(self.reader, self.chunk.as_ref(), self.position, &mut after);
        drop(state);
        if let Some(chunk) = chunk {
            self.chunk = Some(chunk);
        }
        after.run();
        tail
    }

    pub(crate) fn is_ended(&self) -> bool {
        let state = self.log.lock();
        !self.has_gaps()
            && (self.ended() || self.is_at_its_end() || (state.closed && state.tail() == self.position))
    }

    /// Has the reader woken when there is something to read. Whether there is nothing yet; `None` at the end.
    pub(crate) fn park(&mut self, wake: Wake) -> Option<bool> {
        let mut state = self.log.lock();
        let at_its_end = !self.has_gaps() && self.is_at_its_end();
        if !at_its_end && (state.tail() != self.position || self.has_gaps()) {
            return Some(false);
        }
        if state.closed || self.ended() || at_its_end {
            return None;
        }
        let old = state.parked.park(self.reader.place, self.chunk.is_some(), wake);
        drop(state);
        drop(old);
        Some(true)
    }

    /// Has the reader not woken any more; what it would have been woken by.
    pub(super) fn unpark(&self) -> Option<Wake> {
        self.log.lock().parked.unpark(self.reader.place)
    }
}

/// What the log keeps for a reader with these bounds. Publishers see to it that one they wait for does not lag too far.
fn kept(bounds: Bounds) -> Bounds {
    if bounds.overflow == Overflow::Block {
        return Bounds { events: bounds.events.saturating_add(GAP_ROOM), bytes: u64::MAX, ..bounds };
    }
    bounds
}
