//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::problem::Code;

/// What a relay has done since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseStats {
    /// Streams that were opened.
    pub opened: u64,
    /// Streams that have ended, for whatever reason.
    pub closed: u64,
    /// Events that were handed to streams.
    pub events: u64,
    /// Gaps that streams were told.
    pub gaps: u64,
    /// Events that are known to be missing in these.
    pub missed: u64,
    /// Requests that were refused.
    pub refused: Refused,
}

impl SseStats {
    /// Streams that are open now.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

/// How many requests were refused, by error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused([u64; Code::ALL.len()]);

impl Refused {
    /// Every code there is, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Code::ALL.map(Code::as_str).into_iter().zip(self.0)
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Refusals([Counter; Code::ALL.len()]);

impl Refusals {
    pub(crate) fn add(&self, code: Code) {
        self.0[code as usize].add(1);
    }

    pub(crate) fn count(&self) -> Refused {
        Refused(std::array::from_fn(|code| self.0[code].count()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: Counter,
    pub(crate) closed: Counter,
    pub(crate) events: Counter,
    pub(crate) gaps: Counter,
    pub(crate) missed: Counter,
    pub(crate) refused: Refusals,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> SseStats {
        // In this order no stream is seen as closed that is not seen as opened.
        let closed = self.closed.count();
        SseStats {
            opened: self.opened.count(),
            closed,
            events: self.events.count(),
            gaps: self.gaps.count(),
            missed: self.missed.count(),
            refused: self.refused.count(),
        }
    }
}
