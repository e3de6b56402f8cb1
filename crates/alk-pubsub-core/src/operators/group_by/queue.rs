use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::waiting::ReaderId;

/// What a group holds; shared by its driver, who puts items in, and its reader.
///
/// Nothing of the user's runs while the lock is held: items are moved in and out, and dropped outside.
#[derive(Debug)]
pub(super) struct Queue<T> {
    reader: ReaderId,
    /// Where the driver has the key of this group, for as long as it is live.
    place: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    missed: u64,
    reader_waits: bool,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Items come in.
    Live,
    /// No more items come in.
    Ended,
    /// The reader has gone.
    Left,
}

/// What [`Queue::push`] did.
#[derive(Debug)]
pub(super) enum Pushed<T> {
    /// The item is in. If the queue was full, the oldest one is out.
    In { lost: Option<T>, wake: bool },
    /// There is nobody to read it.
    Left(T),
}

/// What the reader left behind.
#[derive(Debug)]
pub(super) struct Remains<T> {
    pub(super) items: VecDeque<T>,
    pub(super) missed: u64,
    pub(super) was_live: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(reader: ReaderId, place: usize, first: T) -> Self {
        let state =
            State { items: VecDeque::from([first]), missed: 0, reader_waits: false, phase: Phase::Live };
        Self { reader, place, state: Mutex::new(state) }
    }

    pub(super) fn reader(&self) -> ReaderId {
        self.reader
    }

    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn push(&self, item: T, capacity: usize) -> Pushed<T> {
        let mut state = self.lock();
        if state.phase == Phase::Left {
            return Pushed::Left(item);
        }
        let lost = if state.items.len() < capacity { None } else { state.items.pop_front() };
        state.items.push_back(item);
        state.missed += u64::from(lost.is_some());
        Pushed::In { lost, wake: mem::take(&mut state.reader_waits) }
    }

    /// The next item, or that there will be none; with `wait`, what comes later wakes the reader.
    ///
    /// `source_ended` is to be read before: what was put in until then is found here.
    pub(super) fn pop(&self, source_ended: bool, wait: bool) -> Poll<Option<T>> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if source_ended || state.phase == Phase::Ended {
            return Poll::Ready(None);
        }
        state.reader_waits = wait;
        Poll::Pending
    }

    /// Nothing comes in any more. Returns whether the reader is to be woken.
    pub(super) fn end(&self) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Live {
            state.phase = Phase::Ended;
        }
        mem::take(&mut state.reader_waits)
    }

    /// Nobody will read any more.
    pub(super) fn leave(&self) -> Remains<T> {
        let mut state = self.lock();
        let was_live = mem::replace(&mut state.phase, Phase::Left) == Phase::Live;
        Remains { items: mem::take(&mut state.items), missed: state.missed, was_live }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().phase == Phase::Ended
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
