use std::time::Duration;

use super::options::Reconnect;
use crate::random::Random;

/// How long a hub may ask a spoke to stay away.
const MOST_ASKED: Duration = Duration::from_secs(300);

/// How long to wait before the next attempt: exponential, with full jitter.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: Reconnect,
    attempts: u32,
    random: Random,
}

impl Backoff {
    pub(super) fn new(policy: Reconnect) -> Self {
        Self { policy, attempts: 0, random: Random::new() }
    }

    /// A connection was lost that had stood for so long. One that stood for longer than the wait before it was worth it;
    /// otherwise a hub that takes everybody and drops everybody would be called without pause.
    pub(super) fn stood_for(&mut self, uptime: Duration) {
        if uptime >= self.ceiling() {
            self.attempts = 0;
        }
    }

    /// How long to wait now; `None` if there were enough attempts.
    ///
    /// `asked` is what the hub has asked for, to which the jitter is added.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.policy.max_attempts.is_some_and(|most| self.attempts >= most) {
            return None;
        }
        let jitter = self.ceiling().mul_f64(self.random.fraction());
        self.attempts = self.attempts.saturating_add(1);
        Some(asked.map_or(Duration::ZERO, |asked| asked.min(MOST_ASKED)) + jitter)
    }

    fn ceiling(&self) -> Duration {
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.policy.min_delay.saturating_mul(factor).min(self.policy.max_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn delays_grow_up_to_the_most_and_are_spread_out() {
        let mut backoff = Backoff::new(Reconnect::default());
        let ceilings = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
        for ceiling in ceilings.map(millis) {
            assert_eq!(backoff.ceiling(), ceiling);
            assert!(backoff.next(None).expect("for ever") <= ceiling);
        }
        backoff.attempts = 1000;
        assert_eq!(backoff.ceiling(), millis(10_000));
        let waits: std::collections::BTreeSet<_> = (0..100).filter_map(|_| backoff.next(None)).collect();
        assert!(waits.len() > 90, "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < millis(3000)) && waits.iter().any(|wait| *wait > millis(7000)));
    }

    #[test]
    fn what_the_hub_asks_for_is_the_least() {
        let mut backoff = Backoff::new(Reconnect::default());
        let wait = backoff.next(Some(millis(1200))).expect("for ever");
        assert!((millis(1200)..=millis(1300)).contains(&wait), "{wait:?}");
        assert!(backoff.next(Some(Duration::MAX)).expect("for ever") <= MOST_ASKED + millis(200));
    }

    #[test]
    fn a_connection_that_lasted_starts_over_and_one_that_did_not_goes_on() {
        let mut backoff = Backoff::new(Reconnect::default());
        assert!((0..4).all(|_| backoff.next(None).is_some()));
        backoff.stood_for(millis(1599));
        assert_eq!(backoff.ceiling(), millis(1600));
        backoff.stood_for(millis(1600));
        assert_eq!(backoff.ceiling(), millis(100));
    }

    #[test]
    fn attempts_can_be_bounded() {
        let mut backoff = Backoff::new(Reconnect::default().max_attempts(2));
        assert!(backoff.next(None).is_some() && backoff.next(None).is_some());
        assert_eq!(backoff.next(None), None);
        assert_eq!(Backoff::new(Reconnect::never()).next(None), None);
    }
}
