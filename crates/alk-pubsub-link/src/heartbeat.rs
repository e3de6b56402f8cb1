//! Noticing that the other end is gone although nobody said so.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::random::Random;

/// When to ask the other end for a sign of life, and when to give it up.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    random: Random,
    due: Instant,
    asked: bool,
    sleep: Pin<Box<Sleep>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing was heard for the interval: ask.
    Ask,
    /// Nothing was heard since it was asked.
    Silent,
}

impl Heartbeat {
    /// Asks after about `interval` of silence, and gives up `timeout` later.
    pub(crate) fn new(interval: Duration, timeout: Duration) -> Self {
        let now = Instant::now();
        let sleep = Box::pin(tokio::time::sleep_until(now));
        let mut heartbeat = Self { interval, timeout, random: Random::new(), due: now, asked: false, sleep };
        heartbeat.heard();
        heartbeat
    }

    /// Something has arrived.
    pub(crate) fn heard(&mut self) {
        self.asked = false;
        // ±20 %, so that the pings of many connections made at once do not stay together.
        self.due = Instant::now() + self.interval.mul_f64(0.8 + 0.4 * self.random.fraction());
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        loop {
            if self.sleep.deadline() != self.due {
                // An earlier alarm is left as it is and found to be early, which is cheaper than moving it for
                // every frame.
                if self.sleep.deadline() > self.due || self.sleep.is_elapsed() {
                    self.sleep.as_mut().reset(self.due);
                }
            }
            ready!(self.sleep.as_mut().poll(cx));
            if Instant::now() < self.due {
                continue;
            }
            if self.asked {
                return Poll::Ready(Beat::Silent);
            }
            self.asked = true;
            self.due = Instant::now() + self.timeout;
            return Poll::Ready(Beat::Ask);
        }
    }
}
