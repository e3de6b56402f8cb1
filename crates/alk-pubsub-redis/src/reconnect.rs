use std::time::Duration;

use rand::Rng;

/// How long to wait before each attempt to connect again: exponential backoff with full jitter, for ever.
///
/// ```
/// use std::time::Duration;
/// use alk_pubsub_redis::Reconnect;
///
/// let eager = Reconnect::default().first(Duration::from_millis(20)).longest(Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    first: Duration,
    longest: Duration,
}

impl Reconnect {
    /// The upper bound of the first wait. Each further one is twice as long. Default 100 ms.
    #[must_use]
    pub fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// The upper bound of all waits. Default 10 s.
    #[must_use]
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The wait before this attempt, counted from zero: anything up to the bound, so that clients which lost the same
    /// server do not come back all at once.
    pub(crate) fn wait(&self, attempt: u32) -> Duration {
        rand::rng().random_range(Duration::ZERO..=self.bound(attempt))
    }

    /// A long wait, for what somebody has to mend: no two clients' is the same, and none is less than half of the longest.
    pub(crate) fn long_wait(&self) -> Duration {
        rand::rng().random_range(self.longest / 2..=self.longest)
    }

    fn bound(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(2u32.saturating_pow(attempt)).min(self.longest)
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let reconnect = Reconnect::default();
        let bounds: Vec<_> = (0..9).map(|attempt| reconnect.bound(attempt).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(reconnect.bound(u32::MAX), Duration::from_secs(10));
        assert!((0..1000).all(|attempt| reconnect.wait(attempt) <= reconnect.bound(attempt)));
    }
}
