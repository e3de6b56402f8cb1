use std::sync::atomic::{AtomicU64, Ordering};

use crate::gap::{Gap, GapReason};

/// Counters of an event target since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that were handed to the router, by publishers of this process or by the upstream.
    pub published: u64,
    /// Events times their receivers in this process.
    pub delivered: u64,
    /// Events that subscribers missed because they lagged too far.
    pub missed: u64,
    /// Gaps that subscribers came upon, for all reasons.
    pub gaps: GapCounts,
    /// Interests that somebody listens to now.
    pub interests: u64,
    /// Subscriptions and listeners now.
    pub subscribers: u64,
    /// Events that wait to be received, each times the subscriptions that it waits for. An upper bound: a subscription
    /// that has read everything and waits counts as nothing, of each other one it is known to within 32 events how far it is.
    pub waiting: u64,
    /// How often the upstream was connected again.
    pub reconnects: u64,
}

/// Gaps by their reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GapCounts([GapCount; GapReason::ALL.len()]);

/// Gaps of one reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GapCount {
    /// How many there were.
    pub gaps: u64,
    /// How many events are known to be missing in them.
    pub missed: u64,
}

impl GapCounts {
    /// Those of this reason.
    #[must_use]
    pub fn of(&self, reason: GapReason) -> GapCount {
        self.0[reason as usize]
    }

    /// Every reason there is, with its gaps.
    pub fn iter(&self) -> impl Iterator<Item = (GapReason, GapCount)> {
        GapReason::ALL.into_iter().zip(self.0)
    }
}

/// Where gaps are counted.
#[derive(Debug, Default)]
pub(crate) struct GapCounters([(AtomicU64, AtomicU64); GapReason::ALL.len()]);

impl GapCounters {
    pub(crate) fn add(&self, gap: Gap) {
        let (gaps, missed) = &self.0[gap.reason() as usize];
        gaps.fetch_add(1, Ordering::Relaxed);
        missed.fetch_add(gap.missed().unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> GapCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GapCounts(std::array::from_fn(|reason| {
            let (gaps, missed) = &self.0[reason];
            GapCount { gaps: read(gaps), missed: read(missed) }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::GapReason;

    #[test]
    fn reasons_are_counted_at_their_place() {
        for (place, reason) in GapReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
