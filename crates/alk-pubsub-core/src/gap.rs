//! What a subscription missed.

use std::fmt;

/// Events that a subscription did not get, at the place in its stream where they would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gap {
    reason: GapReason,
    missed: Option<u64>,
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GapReason {
    /// The subscriber was slower than its queue is long.
    Overflow,
    /// The connection to the upstream was lost and is back.
    Reconnected,
    /// The transport lost messages between the upstream and this process.
    TransportLag,
    /// An event was not what the subscriber's payload type can be decoded from.
    Undecodable,
    /// The hub at the other end of the link reported it.
    Remote,
}

impl GapReason {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Overflow, Self::Reconnected, Self::TransportLag, Self::Undecodable, Self::Remote];

    /// The name that stands for this reason in the `__gap` frame of the wire protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GapReason::Overflow => "slow_consumer",
            GapReason::Reconnected => "upstream_reconnected",
            GapReason::TransportLag => "upstream_lag",
            GapReason::Undecodable => "undecodable",
            GapReason::Remote => "remote",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Gap {
    /// A gap of so many events; `None` where nobody can know.
    #[must_use]
    pub fn new(reason: GapReason, missed: Option<u64>) -> Self {
        Self { reason, missed }
    }

    /// Why the events are missing.
    #[must_use]
    pub fn reason(&self) -> GapReason {
        self.reason
    }

    /// How many events are missing, where that is known.
    #[must_use]
    pub fn missed(&self) -> Option<u64> {
        self.missed
    }

    /// Adds a gap to those at one place, of which each reason has at most one.
    pub(crate) fn collect(gaps: &mut Vec<Gap>, gap: Gap) {
        match gaps.iter_mut().find_map(|old| old.merge(gap).map(|merged| (old, merged))) {
            Some((old, merged)) => *old = merged,
            None => gaps.push(gap),
        }
    }

    /// This gap and one that follows it at the same place, as one, where they have the same reason.
    pub(crate) fn merge(self, next: Gap) -> Option<Gap> {
        (self.reason == next.reason).then(|| {
            let missed = self.missed.zip(next.missed).map(|(a, b)| a + b);
            Gap { reason: self.reason, missed }
        })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missed {
            Some(missed) => write!(f, "{missed} events missed ({})", self.reason),
            None => write!(f, "an unknown number of events missed ({})", self.reason),
        }
    }
}
