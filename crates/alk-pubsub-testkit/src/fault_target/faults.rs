use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::random::Random;

/// What happens to events on their way to a listener of a [`FaultTarget`](super::FaultTarget), and how often: to one in so many
/// on average, by a seed.
///
/// ```
/// use std::time::Duration;
/// use alk_pubsub_testkit::EventFaults;
///
/// let faults = EventFaults::seeded(17).drops(50).delays(20, Duration::from_millis(10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct EventFaults {
    seed: u64,
    drops: u64,
    duplicates: u64,
    reorders: u64,
    delays: u64,
    longest: Duration,
}

impl EventFaults {
    /// None but those that are asked for, such as a [`disconnect`](super::FaultTarget::disconnect).
    pub fn none() -> Self {
        Self::seeded(0)
    }

    /// None yet. The same seed, the same faults, for listeners that are added in the same order and hear the same.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, drops: 0, duplicates: 0, reorders: 0, delays: 0, longest: Duration::ZERO }
    }

    /// One event in `one_in` is lost, and a gap says so at its place: `TransportLag`, one missed. 0 is never.
    pub fn drops(mut self, one_in: u64) -> Self {
        self.drops = one_in;
        self
    }

    /// One event in `one_in` comes twice. **This breaks a promise**, *at most once*, which code that relies on it should not
    /// survive, and code that needs it not should. 0 is never.
    pub fn duplicates(mut self, one_in: u64) -> Self {
        self.duplicates = one_in;
        self
    }

    /// One event in `one_in` comes behind the one that follows it; where none follows, 50 ms late. **This breaks a promise**,
    /// *order*. 0 is never.
    pub fn reorders(mut self, one_in: u64) -> Self {
        self.reorders = one_in;
        self
    }

    /// One event in `one_in` is late, by `longest` at most, and with it all that follow. Of those that wait there are at most 1024 for
    /// each listener; others are lost like those that are [dropped](Self::drops). 0 is never.
    pub fn delays(mut self, one_in: u64, longest: Duration) -> Self {
        (self.delays, self.longest) = (one_in, longest);
        self
    }

    /// The randomness of one listener.
    pub(super) fn stream(&self, listener: u64) -> Random {
        Random::of(self.seed, [listener])
    }

    /// What becomes of the next event. As many numbers are drawn whatever it is, so that one kind of fault more leaves the others where
    /// they are.
    pub(super) fn next(&self, random: &mut Random) -> Fate {
        let mut hits = |one_in: u64| random.below(one_in) == 0 && one_in > 0;
        let [drop, duplicate, reorder, delay] =
            [self.drops, self.duplicates, self.reorders, self.delays].map(&mut hits);
        let longest = u64::try_from(self.longest.as_micros()).unwrap_or(u64::MAX);
        let delayed = Duration::from_micros(random.below(longest));
        Fate { drop, duplicate, reorder, delay: delay.then_some(delayed) }
    }
}

/// What becomes of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) drop: bool,
    pub(super) duplicate: bool,
    pub(super) reorder: bool,
    pub(super) delay: Option<Duration>,
}

/// How many faults there were of each kind, see [`FaultTarget::faults`](super::FaultTarget::faults).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EventFaultCounts {
    /// See [`EventFaults::drops`]; those that found no room to wait included.
    pub drops: u64,
    /// See [`EventFaults::duplicates`].
    pub duplicates: u64,
    /// See [`EventFaults::reorders`].
    pub reorders: u64,
    /// See [`EventFaults::delays`].
    pub delays: u64,
}

/// What the listeners of a target have in common.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) healthy: AtomicBool,
    pub(super) drops: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) reorders: AtomicU64,
    pub(super) delays: AtomicU64,
}

impl Conditions {
    pub(super) fn counts(&self) -> EventFaultCounts {
        let Self { drops, duplicates, reorders, delays, .. } = self;
        let [drops, duplicates, reorders, delays] =
            [drops, duplicates, reorders, delays].map(|count| count.load(Ordering::Relaxed));
        EventFaultCounts { drops, duplicates, reorders, delays }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
