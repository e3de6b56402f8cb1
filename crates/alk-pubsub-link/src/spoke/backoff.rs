use std::time::Duration;

use tokio::time::Instant;

use super::options::Reconnect;
use crate::random::Random;

/// How long a hub may ask a spoke to stay away.
const MOST_ASKED: Duration = Duration::from_secs(300);

/// How long to wait before the next attempt: exponential, with full jitter.
///
/// The most to wait doubles with every attempt, but is never more than twice as long as the trouble has lasted: who has had
/// little luck with its jitter is not the last to come back for that.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: Reconnect,
    attempts: u32,
    /// Since when there is trouble.
    since: Option<Instant>,
    random: Random,
}

impl Backoff {
    pub(super) fn new(policy: Reconnect) -> Self {
        Self { policy, attempts: 0, since: None, random: Random::new() }
    }

    /// A connection was lost that had stood for so long. One that stood for longer than the wait before it was worth it;
    /// otherwise a hub that takes everybody and drops everybody would be called without pause.
    pub(super) fn stood_for(&mut self, uptime: Duration, now: Instant) {
        if uptime >= self.ceiling(now) {
            self.attempts = 0;
            self.since = None;
        }
    }

    /// How long to wait now; `None` if there were enough attempts.
    ///
    /// `asked` is what the hub has asked for, to which the jitter is added.
    pub(super) fn next(&mut self, asked: Option<Duration>, now: Instant) -> Option<Duration> {
        if self.policy.max_attempts.is_some_and(|most| self.attempts >= most) {
            return None;
        }
        self.since.get_or_insert(now);
        let jitter = self.ceiling(now).mul_f64(self.random.fraction());
        self.attempts = self.attempts.saturating_add(1);
        Some(asked.map_or(Duration::ZERO, |asked| asked.min(MOST_ASKED)) + jitter)
    }

    fn ceiling(&self, now: Instant) -> Duration {
        let Reconnect { min_delay, max_delay, .. } = self.policy;
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let trouble = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        min_delay.saturating_mul(factor).min(trouble.saturating_mul(2).max(min_delay)).min(max_delay)
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
        let start = Instant::now();
        let mut backoff = Backoff::new(Reconnect::default());
        assert!(backoff.next(None, start).expect("for ever") <= millis(100));
        let later = start + Duration::from_secs(3600);
        for ceiling in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map(millis) {
            assert_eq!(backoff.ceiling(later), ceiling);
            assert!(backoff.next(None, later).expect("for ever") <= ceiling);
        }
        backoff.attempts = 1000;
        assert_eq!(backoff.ceiling(later), millis(10_000));
        let waits: std::collections::BTreeSet<_> =
            (0..100).filter_map(|_| backoff.next(None, later)).collect();
        assert!(waits.len() > 90, "{waits:?}");
        assert!(
            waits.iter().any(|wait| *wait < millis(3000)) && waits.iter().any(|wait| *wait > millis(7000))
        );
    }

    #[test]
    fn nobody_stays_away_for_more_than_twice_as_long_as_the_trouble_lasted() {
        let start = Instant::now();
        let mut backoff = Backoff::new(Reconnect::default());
        for _ in 0..50 {
            assert!(backoff.next(None, start).expect("for ever") <= millis(100));
        }
        assert_eq!(backoff.ceiling(start + millis(700)), millis(1400));
        for _ in 0..200 {
            let mut now = start;
            let mut backoff = Backoff::new(Reconnect::default());
            while now < start + Duration::from_secs(1) {
                now += backoff.next(None, now).expect("for ever");
            }
            assert!(now < start + Duration::from_secs(3));
        }
    }

    #[test]
    fn what_the_hub_asks_for_is_the_least() {
        let now = Instant::now();
        let mut backoff = Backoff::new(Reconnect::default());
        let wait = backoff.next(Some(millis(1200)), now).expect("for ever");
        assert!((millis(1200)..=millis(1300)).contains(&wait), "{wait:?}");
        assert!(backoff.next(Some(Duration::MAX), now).expect("for ever") <= MOST_ASKED + millis(200));
    }

    #[test]
    fn a_connection_that_lasted_starts_over_and_one_that_did_not_goes_on() {
        let now = Instant::now();
        let mut backoff = Backoff::new(Reconnect::default());
        assert!((0..4).all(|_| backoff.next(None, now).is_some()));
        let now = now + Duration::from_secs(60);
        backoff.stood_for(millis(1599), now);
        assert_eq!(backoff.ceiling(now), millis(1600));
        backoff.stood_for(millis(1600), now);
        assert_eq!(backoff.ceiling(now), millis(100));
    }

    #[test]
    fn attempts_can_be_bounded() {
        let now = Instant::now();
        let mut backoff = Backoff::new(Reconnect::default().max_attempts(2));
        assert!(backoff.next(None, now).is_some() && backoff.next(None, now).is_some());
        assert_eq!(backoff.next(None, now), None);
        assert_eq!(Backoff::new(Reconnect::never()).next(None, now), None);
    }
}
