use std::time::Duration;

use crate::random::Random;

/// Something that happens to one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Both directions end at once.
    Cut,
    /// What comes next waits for so long.
    Delay(Duration),
    /// A part of what comes next is passed on, then both directions end.
    Halve,
    /// Nothing more is passed on, and nobody is told, until the proxy [heals](super::Proxy::heal) or cuts.
    Stall,
}

/// The faults of a [`Proxy`](super::Proxy): the same seed, the same faults, for connections made in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    within_bytes: u64,
    max_delay: Duration,
}

impl Schedule {
    /// No faults but those that are asked for.
    #[must_use]
    pub fn none() -> Self {
        Self { seed: 0, within_bytes: u64::MAX, max_delay: Duration::ZERO }
    }

    /// Faults that come after at most `within_bytes` bytes each, in each direction; delays take at most `max_delay`.
    #[must_use]
    pub fn random(seed: u64, within_bytes: u64, max_delay: Duration) -> Self {
        Self { seed, within_bytes, max_delay }
    }

    /// The randomness of one direction of one connection.
    pub(super) fn stream(&self, connection: u64, direction: u64) -> Random {
        Random::of(self.seed, [connection, direction])
    }

    /// After how many bytes the next fault comes, and which.
    pub(super) fn next(&self, random: &mut Random) -> (u64, Fault) {
        if self.within_bytes == u64::MAX {
            return (u64::MAX, Fault::Cut);
        }
        let after = random.below(self.within_bytes);
        let fault = match random.below(8) {
            0 => Fault::Cut,
            1 => Fault::Halve,
            2 => Fault::Stall,
            _ => {
                let most = u64::try_from(self.max_delay.as_micros()).unwrap_or(u64::MAX);
                Fault::Delay(Duration::from_micros(random.below(most)))
            }
        };
        (after, fault)
    }
}
