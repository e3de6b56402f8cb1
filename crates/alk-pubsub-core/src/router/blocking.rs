//! Readers that publishers wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::wake::{Wake, Wakes};

/// How far a reader with the policy `Block` has come; written by the reader alone.
pub(super) type Progress = Arc<AtomicU64>;

#[derive(Default)]
pub(super) struct Blocking {
    readers: Vec<(Progress, u64)>,
    /// Up to this position there is room for sure; beyond it, the readers are asked anew.
    limit: u64,
    publishers: Vec<Waker>,
}

impl Blocking {
    pub(super) fn join(&mut self, position: u64, events: u64) -> Progress {
        let progress = Progress::new(AtomicU64::new(position));
        self.readers.push((progress.clone(), events));
        self.limit = 0;
        progress
    }

    pub(super) fn leave(&mut self, progress: &Progress, wakes: &mut Wakes) {
        self.readers.retain(|(reader, _)| !Arc::ptr_eq(reader, progress));
        self.limit = 0;
        self.wake_publishers(wakes);
    }

    /// Whether an event at `position` exceeds no reader's bound.
    pub(super) fn has_room(&mut self, position: u64) -> bool {
        if position < self.limit || self.readers.is_empty() {
            return true;
        }
        let limits = self.readers.iter().map(|(reader, events)| reader.load(Ordering::SeqCst).saturating_add(*events));
        self.limit = limits.min().unwrap_or(u64::MAX);
        position < self.limit
    }

    pub(super) fn wait(&mut self, publisher: &Waker) {
        if !self.publishers.iter().any(|waiting| waiting.will_wake(publisher)) {
            self.publishers.push(publisher.clone());
        }
    }

    pub(super) fn wake_publishers(&mut self, wakes: &mut Wakes) {
        for publisher in self.publishers.drain(..) {
            wakes.push(Wake::Task(publisher));
        }
    }
}
