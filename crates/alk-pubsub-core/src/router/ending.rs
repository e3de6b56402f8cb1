//! Ending one subscription from outside.

use std::fmt;
use std::sync::{Arc, Weak};

use super::after::After;
use super::blocking::Progress;
use super::latest::LatestQueue;
use super::log::{Log, State};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Ends one [`RawSubscription`](crate::RawSubscription), whoever has it: what was published before is still handed out, then it
/// ends as if its target had been closed. It does not keep the subscription, which stays one of its target's until it is
/// dropped. A handle, cheap to clone.
///
/// For targets that share the subscriptions of another one and end before it.
#[derive(Clone)]
pub struct EndHandle(Weak<Ending>);

/// What a subscription and its handles know of its end. Written with the log locked.
pub(super) struct Ending {
    log: Arc<Log>,
    ended: AtomicBool,
    /// The reader hands out what is before this position.
    at: AtomicU64,
    /// Its place among the parked.
    place: AtomicU32,
    what: What,
}

pub(super) enum What {
    Cursor(Option<Arc<Progress>>),
    Latest(Arc<LatestQueue>),
}

impl Ending {
    /// The place of a reader that reads nothing.
    pub(super) const NOWHERE: u32 = u32::MAX;

    pub(super) fn new(log: Arc<Log>, place: u32, what: What) -> Arc<Self> {
        let (ended, at) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
        Arc::new(Self { log, ended, at, place: AtomicU32::new(place), what })
    }

    pub(super) fn handle(self: &Arc<Self>) -> EndHandle {
        EndHandle(Arc::downgrade(self))
    }

    /// The reader reads on from another place, with the lock of the log as `state`.
    pub(super) fn moved(&self, place: u32, state: &State) {
        self.place.store(place, Ordering::Relaxed);
        if self.ended.load(Ordering::Relaxed) {
            self.at.store(state.tail(), Ordering::Release);
        }
    }

    /// The position behind the last entry that the reader hands out.
    pub(super) fn end(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    fn end_now(&self) {
        let mut after = After::default();
        {
            let mut state = self.log.lock();
            if self.ended.swap(true, Ordering::Relaxed) {
                return;
            }
            self.at.store(state.tail(), Ordering::Release);
            match &self.what {
                What::Latest(queue) => queue.close(&mut after),
                What::Cursor(progress) => {
                    state.wake_reader(self.place.load(Ordering::Relaxed), &mut after);
                    if let Some(progress) = progress {
                        // It may never read again, and nobody is to wait for that.
                        state.rare().blocking.leave(progress, &mut after.wakes);
                    }
                }
            }
        }
        after.run();
    }
}

impl EndHandle {
    /// Ends it. Nothing happens if it has ended or is gone.
    pub fn end(&self) {
        if let Some(ending) = self.0.upgrade() {
            ending.end_now();
        }
    }

    /// Whether the subscription is gone, so that the handle is of no more use.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl fmt::Debug for EndHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.0.upgrade().map(|ending| ending.ended.load(Ordering::Relaxed));
        f.debug_struct("EndHandle").field("ended", &ended).finish()
    }
}
