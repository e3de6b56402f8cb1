//! How late this process is: on a machine that has no time for it, servers and clients break promises that are about time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often it is looked.
const TICK: Duration = Duration::from_millis(100);

/// The most by which a timer was late, in milliseconds, since it was asked for last.
#[derive(Clone, Default)]
pub(crate) struct Late(Arc<AtomicU64>);

impl Late {
    /// Looks until it is dropped.
    pub(crate) async fn watch(self) {
        loop {
            let due = Instant::now() + TICK;
            sleep_until(due).await;
            let late = due.elapsed().as_millis();
            self.0.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
