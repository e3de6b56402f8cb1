use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use alk_pubsub_link::Limits;
use rand::Rng;
use tokio::time::{Instant, Sleep, sleep_until};

/// While nothing can be written, what waits is looked at this often.
const STALLED: Duration = Duration::from_secs(1);

/// The one timer of a connection.
pub(super) struct Heartbeat {
    timer: Pin<Box<Sleep>>,
    next: Next,
    interval: Duration,
    timeout: Duration,
    /// When to ping next, or by when something must have arrived.
    due: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum Next {
    Ping,
    Answer,
}

pub(super) enum Beat {
    /// Send a ping.
    Ping,
    /// Nothing has arrived for too long.
    Dead,
    /// Nothing could be written for a while.
    Stalled,
}

impl Heartbeat {
    pub(super) fn new(limits: &Limits) -> Self {
        let due = Instant::now() + vary(limits.heartbeat);
        Self {
            timer: Box::pin(sleep_until(due)),
            next: Next::Ping,
            interval: limits.heartbeat,
            timeout: limits.heartbeat_timeout,
            due,
        }
    }

    /// What is due. `received` says whether anything has arrived since the last ping, and is reset by a ping.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, received: &mut bool) -> Poll<Beat> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now < self.due {
                self.timer.as_mut().reset(self.due);
                return Poll::Ready(Beat::Stalled);
            }
            match self.next {
                Next::Ping => {
                    *received = false;
                    self.next = Next::Answer;
                    self.wait_until(now + self.timeout);
                    return Poll::Ready(Beat::Ping);
                }
                Next::Answer if *received => {
                    self.next = Next::Ping;
                    self.wait_until(now + vary(self.interval).saturating_sub(self.timeout));
                }
                Next::Answer => return Poll::Ready(Beat::Dead),
            }
        }
    }

    /// Nothing can be written now: have a look soon.
    pub(super) fn stalled(&mut self) {
        let soon = Instant::now() + STALLED;
        if soon < self.timer.deadline() {
            self.timer.as_mut().reset(soon);
        }
    }

    fn wait_until(&mut self, due: Instant) {
        self.due = due;
        self.timer.as_mut().reset(due);
    }
}

/// ±20 %, so that connections that came together do not ping together for ever.
fn vary(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(0.8..1.2))
}
