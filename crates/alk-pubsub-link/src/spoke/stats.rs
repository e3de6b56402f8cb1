use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a spoke since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpokeStats {
    /// Connections that were made and welcomed by the hub.
    pub connections: u64,
    /// Attempts to connect that failed.
    pub failed_attempts: u64,
    /// Events received.
    pub events_in: u64,
    /// Events of them that nobody here asked for. A few are normal where interests come and go.
    pub unwanted: u64,
    /// Frames received that a hub must not send.
    pub bad_frames: u64,
    /// Events sent.
    pub events_out: u64,
    /// Events sent without asking for an answer that the hub refused.
    pub refused: u64,
    /// Events given to `try_publish` that were not sent, since the connection was lost.
    pub unsent: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) failed_attempts: AtomicU64,
    pub(super) events_in: AtomicU64,
    pub(super) unwanted: AtomicU64,
    pub(super) bad_frames: AtomicU64,
    pub(super) events_out: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unsent: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, events: u64) {
    counter.fetch_add(events, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn snapshot(&self) -> SpokeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpokeStats {
            connections: read(&self.connections),
            failed_attempts: read(&self.failed_attempts),
            events_in: read(&self.events_in),
            unwanted: read(&self.unwanted),
            bad_frames: read(&self.bad_frames),
            events_out: read(&self.events_out),
            refused: read(&self.refused),
            unsent: read(&self.unsent),
        }
    }
}
