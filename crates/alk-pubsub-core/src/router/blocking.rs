//! Readers that publishers wait for.
//!
//! A publisher that finds no room picks one reader that lags too far, the *laggard*, marks it, and waits. All other
//! readers go on unhindered. When the laggard has moved on it looks for another one, and if there is none it wakes the
//! publishers. So the readers are gone through once for each time that publishers wait, whatever their number.

use std::sync::Arc;
use std::task::Waker;

use super::wake::{Wake, Wakes};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::sequenced;

/// How far a reader with the policy `Block` has come.
pub(super) struct Progress {
    /// Written by the reader alone.
    position: AtomicU64,
    /// Whether publishers wait for it.
    awaited: AtomicBool,
    /// How many events it may lag.
    events: u64,
}

/// With a bound of so many events, a reader makes sure only every so often that a publisher which begins to wait at
/// this very moment sees its new position. Until then such a publisher waits although there is a little room.
const LARGE: u64 = if cfg!(loom) { 2 } else { 256 };
const SURE_EVERY: u64 = if cfg!(loom) { 2 } else { 16 };

/// Ample room is this part of a bound.
const AMPLE: u64 = 16;

impl Progress {
    /// The reader has come from one position to the next. Whether a publisher waits for that.
    #[inline]
    pub(super) fn advance(&self, from: u64, position: u64) -> bool {
        // Either the reader sees the mark, or the publisher that set it sees the position.
        if self.events < LARGE || from / SURE_EVERY != position / SURE_EVERY {
            self.position.store(position, Ordering::SeqCst);
            sequenced();
            self.awaited.load(Ordering::SeqCst)
        } else {
            self.position.store(position, Ordering::Release);
            self.awaited.load(Ordering::Relaxed)
        }
    }

    /// Whether the reader lags too far for an event at this position.
    fn has_no_room(&self, position: u64) -> bool {
        position >= self.position.load(Ordering::SeqCst).saturating_add(self.events)
    }
}

#[derive(Default)]
pub(super) struct Blocking {
    readers: Vec<Arc<Progress>>,
    /// Up to this position there is room for sure; beyond it, the readers are asked anew.
    limit: u64,
    /// The reader to ask first.
    first: usize,
    publishers: Vec<(u64, Waker)>,
    next_publisher: u64,
}

impl Blocking {
    pub(super) fn join(&mut self, position: u64, events: u64) -> Arc<Progress> {
        let (position, awaited) = (AtomicU64::new(position), AtomicBool::new(false));
        let progress = Arc::new(Progress { position, awaited, events });
        self.readers.push(progress.clone());
        self.limit = 0;
        progress
    }

    pub(super) fn leave(&mut self, progress: &Arc<Progress>, wakes: &mut Wakes) {
        if let Some(at) = self.readers.iter().position(|reader| Arc::ptr_eq(reader, progress)) {
            self.readers.swap_remove(at);
        }
        self.first = 0;
        self.limit = 0;
        self.wake_publishers(wakes);
    }

    /// Whether an event at this position, or with `ample` a few from there on, exceeds no reader's bound.
    pub(super) fn has_room(&mut self, position: u64, ample: bool) -> bool {
        if self.readers.is_empty() {
            return true;
        }
        let more = if ample { self.readers[self.first].events / AMPLE } else { 0 };
        let last = position.saturating_add(more);
        last < self.limit || self.laggard(last).is_none()
    }

    /// A reader that lags too far for an event at this position.
    fn laggard(&mut self, position: u64) -> Option<&Progress> {
        let readers = self.readers.len();
        for at in (0..readers).map(|n| (self.first + n) % readers) {
            if self.readers[at].has_no_room(position) {
                self.first = at;
                return self.readers.get(at).map(|reader| &**reader);
            }
        }
        let limits = self
            .readers
            .iter()
            .map(|reader| reader.position.load(Ordering::SeqCst).saturating_add(reader.events));
        self.limit = limits.min().unwrap_or(u64::MAX);
        None
    }

    /// Has the publisher woken when there is room for an event at this position; whether it has to wait. `publisher` is the
    /// number that it waits under.
    pub(super) fn wait(&mut self, position: u64, publisher: &mut Option<u64>, waker: &Waker) -> bool {
        if !self.mark_laggard(position) {
            return false;
        }
        let number = *publisher.get_or_insert_with(|| {
            self.next_publisher += 1;
            self.next_publisher
        });
        match self.publishers.iter_mut().find(|(other, _)| *other == number) {
            Some((_, old)) => old.clone_from(waker),
            None => self.publishers.push((number, waker.clone())),
        }
        true
    }

    /// The publisher does not wait any more.
    pub(super) fn forget(&mut self, publisher: u64) -> Option<Waker> {
        let at = self.publishers.iter().position(|(other, _)| *other == publisher)?;
        Some(self.publishers.swap_remove(at).1)
    }

    /// A reader that was marked has moved on.
    pub(super) fn moved_on(&mut self, position: u64, progress: &Progress, wakes: &mut Wakes) {
        progress.awaited.store(false, Ordering::SeqCst);
        if !self.publishers.is_empty() && !self.mark_laggard(position) {
            self.wake_publishers(wakes);
        }
    }

    pub(super) fn wake_publishers(&mut self, wakes: &mut Wakes) {
        for (_, publisher) in self.publishers.drain(..) {
            wakes.push(Wake::Task(publisher));
        }
    }

    /// Marks a reader that lags too far for an event at this position; whether there is one.
    fn mark_laggard(&mut self, position: u64) -> bool {
        while let Some(laggard) = self.laggard(position) {
            laggard.awaited.store(true, Ordering::SeqCst);
            sequenced();
            // It may have moved on before it could see the mark.
            if laggard.has_no_room(position) {
                return true;
            }
            laggard.awaited.store(false, Ordering::SeqCst);
        }
        false
    }
}
