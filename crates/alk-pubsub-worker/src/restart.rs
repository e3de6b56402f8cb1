//! When a worker is started again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::Outcome;

/// How often, and after how long, a worker is started again. Never by default.
#[derive(Debug, Clone)]
pub(crate) struct Restarts {
    pub(crate) most: u32,
    pub(crate) window: Duration,
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
    recent: VecDeque<Instant>,
}

/// What follows the end of a worker.
#[derive(Debug)]
pub(crate) enum Next {
    /// It is started again after this.
    Restart(Duration),
    /// It is not.
    End(Outcome),
}

impl Restarts {
    pub(crate) fn never() -> Self {
        Self {
            most: 0,
            window: Duration::ZERO,
            min_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            recent: VecDeque::new(),
        }
    }

    pub(crate) fn is_never(&self) -> bool {
        self.most == 0
    }

    pub(crate) fn at_most(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            min_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            recent: VecDeque::new(),
        }
    }

    /// What follows when the worker has ended like this. Who was told to end, or has finished, stays ended.
    pub(crate) fn after(&mut self, outcome: Outcome, is_to_end: bool, now: Instant) -> Next {
        if self.is_never() || is_to_end || outcome.is_success() {
            return Next::End(outcome);
        }
        while self.recent.front().is_some_and(|restart| now.duration_since(*restart) >= self.window) {
            self.recent.pop_front();
        }
        let restarts = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if restarts >= self.most {
            return Next::End(Outcome::GaveUp { restarts, last: Box::new(outcome) });
        }
        self.recent.push_back(now);
        let factor = 1u32.checked_shl(restarts).unwrap_or(u32::MAX);
        Next::Restart(self.min_delay.saturating_mul(factor).min(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Restarts};
    use crate::outcome::Outcome;
    use std::time::Duration;
    use tokio::time::Instant;

    fn delay(next: &Next) -> Option<u64> {
        match next {
            Next::Restart(delay) => u64::try_from(delay.as_millis()).ok(),
            Next::End(_) => None,
        }
    }

    #[test]
    fn delays_grow_and_the_restarts_of_a_window_are_bounded() {
        let mut restarts = Restarts::at_most(4, Duration::from_secs(60));
        restarts.max_delay = Duration::from_millis(300);
        let start = Instant::now();
        let mut failed =
            |seconds| delay(&restarts.after(Outcome::Exited(3), false, start + Duration::from_secs(seconds)));
        assert_eq!(
            [failed(0), failed(1), failed(2), failed(3)],
            [Some(100), Some(200), Some(300), Some(300)]
        );
        assert_eq!(failed(59), None);
        assert_eq!(failed(60), Some(300), "the first of the restarts is out of the window");
        assert_eq!(failed(60), None);
        assert_eq!(failed(200), Some(100), "it starts over");
    }

    #[test]
    fn who_finished_or_was_told_to_end_is_not_restarted() {
        let mut restarts = Restarts::at_most(4, Duration::from_secs(60));
        assert_eq!(delay(&restarts.after(Outcome::Finished, false, Instant::now())), None);
        assert_eq!(delay(&restarts.after(Outcome::Exited(3), true, Instant::now())), None);
        assert_eq!(delay(&Restarts::never().after(Outcome::Exited(3), false, Instant::now())), None);
    }

    #[test]
    fn giving_up_says_how_it_ended() {
        let mut restarts = Restarts::at_most(1, Duration::from_secs(60));
        restarts.after(Outcome::Exited(3), false, Instant::now());
        let Next::End(outcome) = restarts.after(Outcome::Signalled(9), false, Instant::now()) else {
            panic!()
        };
        assert_eq!(outcome.to_string(), "killed by signal 9; given up after 1 restarts");
    }
}
