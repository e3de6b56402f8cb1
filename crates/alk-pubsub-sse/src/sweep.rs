//! Keeps streams within their bounds whose client does not read.
//!
//! While a client does not read, nobody asks its body for more, and each of its topics may pile up to the bound that is meant
//! for all of them together. One task for each relay looks after those with several topics; one topic keeps the bound by
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use alk_pubsub_core::{Bounds, Feed};

const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) type SharedFeed = Arc<Mutex<Feed>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub(crate) struct Sweep {
    feeds: Mutex<Vec<Weak<Mutex<Feed>>>>,
    running: AtomicBool,
}

impl Sweep {
    /// Looks after a feed for as long as it is there. To be called in a runtime.
    pub(crate) fn add(self: &Arc<Self>, feed: &SharedFeed, bounds: Bounds) {
        lock(&self.feeds).push(Arc::downgrade(feed));
        if !self.running.swap(true, Ordering::AcqRel) {
            let mut running = Running { sweep: self.clone(), armed: true };
            tokio::spawn(async move {
                while running.armed {
                    tokio::time::sleep(INTERVAL).await;
                    running.armed = running.sweep.sweep(bounds);
                }
            });
        }
    }

    /// Whether there is any feed left; if not, the task is over, and the next feed starts another.
    fn sweep(&self, bounds: Bounds) -> bool {
        let feeds: Vec<SharedFeed> = {
            let mut feeds = lock(&self.feeds);
            feeds.retain(|feed| feed.strong_count() > 0);
            if feeds.is_empty() {
                feeds.shrink_to_fit();
                self.running.store(false, Ordering::Release);
                return false;
            }
            feeds.iter().filter_map(Weak::upgrade).collect()
        };
        for feed in feeds {
            lock(&feed).keep_within(bounds);
        }
        true
    }
}

/// Notes that the task is over where its runtime ended it.
struct Running {
    sweep: Arc<Sweep>,
    armed: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.armed {
            self.sweep.running.store(false, Ordering::Release);
        }
    }
}
