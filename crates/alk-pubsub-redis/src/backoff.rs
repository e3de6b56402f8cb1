//! How often and how soon to try again.

use std::time::Duration;

use crate::error::Error;
use crate::reconnect::Reconnect;

/// How often an error that another attempt will hardly mend is met before it is believed.
const HOPELESS: u32 = 3;

/// Counts attempts that failed in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    reconnect: Reconnect,
    failures: u32,
    hopeless: u32,
}

impl Backoff {
    pub(crate) fn new(reconnect: Reconnect) -> Self {
        Self { reconnect, failures: 0, hopeless: 0 }
    }

    pub(crate) fn reset(&mut self) {
        (self.failures, self.hopeless) = (0, 0);
    }

    /// How long to wait after this failure; `None` if there is no use in another attempt. Where there was a connection
    /// before, a password that is refused may be one that is just being changed.
    pub(crate) fn after(&mut self, error: &Error, been_up: bool) -> Option<Duration> {
        if error.is_retryable() {
            self.hopeless = 0;
        } else {
            self.hopeless += 1;
            if !been_up || self.hopeless == HOPELESS {
                return None;
            }
            // Whoever changes it, or has users set after a start, is given time.
            return Some(self.reconnect.long_wait());
        }
        let wait = self.reconnect.wait(self.failures);
        self.failures = self.failures.saturating_add(1);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_refused_password_is_not_tried_for_ever() {
        let refused = Error::new(ErrorKind::Auth, "wrong");
        let mut backoff = Backoff::new(Reconnect::default());
        assert_eq!(backoff.after(&refused, false), None);
        let mut backoff = Backoff::new(Reconnect::default());
        for _ in 0..2 {
            let wait = backoff.after(&refused, true).expect("it may be one that is just being changed");
            assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&wait), "{wait:?}");
        }
        assert_eq!(backoff.after(&refused, true), None);
    }

    #[test]
    fn a_server_that_is_away_is_tried_for_ever() {
        let mut backoff = Backoff::new(Reconnect::default());
        assert!((0..1000).all(|_| backoff.after(&Error::disconnected(), true).is_some()));
    }
}
