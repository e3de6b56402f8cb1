use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Identifies a reader among those of one `group_by`.
pub(super) type ReaderId = u64;

/// The stream of groups; the groups count from [`FIRST_GROUP`].
pub(super) const STREAM_OF_GROUPS: ReaderId = 0;
pub(super) const FIRST_GROUP: ReaderId = 1;

/// The readers that wait, and whether the source is worth a poll.
///
/// This is also the waker that the source is polled with. It wakes *all* who wait, since any one of them
/// might have been polled for the last time: a dropped `next()` leaves no trace, and its reader may be held
/// by someone who is busy elsewhere. For the same reason it must know nothing of the readers and the source
/// themselves, or they would keep each other alive.
#[derive(Debug)]
pub(super) struct Waiting {
    source_ready: AtomicBool,
    wakers: Mutex<HashMap<ReaderId, Waker>>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        // A source that was never polled has nobody to wake.
        Self { source_ready: AtomicBool::new(true), wakers: Mutex::default() }
    }

    pub(super) fn source_is_ready(&self) -> bool {
        self.source_ready.load(Ordering::Acquire)
    }

    /// To be called before the source is polled: from now on it is ready if it says so.
    pub(super) fn expect_wake(&self) {
        // A swap, not a store, so that what was done before an earlier wake is seen by the poll to come.
        self.source_ready.swap(false, Ordering::AcqRel);
    }

    /// To be called when the source is left before it was pending: it will wake nobody.
    pub(super) fn expect_no_wake(&self) {
        self.source_ready.store(true, Ordering::Release);
    }

    pub(super) fn add(&self, reader: ReaderId, waker: &Waker) {
        let waker = waker.clone();
        let replaced = self.lock().insert(reader, waker);
        drop(replaced); // not while the lock is held: the last waker of a task may drop the task
    }

    pub(super) fn remove(&self, reader: ReaderId) -> Option<Waker> {
        self.lock().remove(&reader)
    }

    pub(super) fn wake(&self, reader: ReaderId) {
        if let Some(waker) = self.remove(reader) {
            waker.wake();
        }
    }

    pub(super) fn wake_all(&self) {
        let wakers = mem::take(&mut *self.lock());
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReaderId, Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First this, and then the wakers: a reader who adds its own in between looks at this once more
        // afterwards.
        self.source_ready.store(true, Ordering::Release);
        self.wake_all();
    }
}
