use std::time::Duration;

use alk_pubsub_core::DEFAULT_SUBSCRIBE_TIMEOUT;

use crate::error::{Error, ErrorKind};

/// The most that a time may be. A clock can be set so far ahead, and nobody waits that long.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The least that lies between two attempts or two signs of life: anything shorter is a loop that only burns.
const SHORTEST: Duration = Duration::from_millis(1);

/// How a spoke keeps its link.
///
/// ```
/// use std::time::Duration;
/// use alk_pubsub_link::{Offline, Reconnect, SpokeOptions};
///
/// let options = SpokeOptions::default()
///     .reconnect(Reconnect::default().max_delay(Duration::from_secs(60)))
///     .offline(Offline::Buffer(256 << 10));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpokeOptions {
    pub(super) connect_timeout: Duration,
    pub(super) reconnect: Reconnect,
    pub(super) heartbeat: Duration,
    pub(super) heartbeat_timeout: Duration,
    pub(super) queue_bytes: usize,
    pub(super) offline: Offline,
    pub(super) subscribe_timeout: Duration,
    pub(super) publish_timeout: Duration,
    pub(super) close_timeout: Duration,
    pub(super) max_frame_bytes: usize,
    pub(super) max_bad_frames: u64,
}

/// When a lost link is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    pub(super) min_delay: Duration,
    pub(super) max_delay: Duration,
    pub(super) max_attempts: Option<u32>,
}

/// What becomes of events that are published while there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Offline {
    /// The publish fails at once, as [`Disconnected`](alk_pubsub_core::ErrorKind::Disconnected). The default.
    #[default]
    Fail,
    /// So many bytes of events wait for the connection and are sent in order after all interests are active again;
    /// beyond that the publish fails.
    Buffer(usize),
}

impl SpokeOptions {
    /// How long an attempt to connect may take, up to the hub's first frame. Default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// When a lost link is made again.
    #[must_use]
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// After how much silence (±20 %) the hub is asked for a sign of life, and how long later it is given up. Default
    /// 25 s and 10 s.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.heartbeat, self.heartbeat_timeout) = (interval, timeout);
        self
    }

    /// How many bytes of published events may be on their way: queued, or sent and not answered yet. Beyond that,
    /// `publish` waits and `try_publish` fails as [`WouldBlock`](alk_pubsub_core::ErrorKind::WouldBlock). A single event may be
    /// larger. Default 1 MiB.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// What becomes of events that are published while there is no connection. Default: the publish fails.
    #[must_use]
    pub fn offline(mut self, offline: Offline) -> Self {
        self.offline = offline;
        self
    }

    /// How long a subscription waits for the hub's confirmation. Default 10 s.
    #[must_use]
    pub fn subscribe_timeout(mut self, timeout: Duration) -> Self {
        self.subscribe_timeout = timeout;
        self
    }

    /// How long a publish waits for the hub's answer, and for room before that. Default 10 s.
    #[must_use]
    pub fn publish_timeout(mut self, timeout: Duration) -> Self {
        self.publish_timeout = timeout;
        self
    }

    /// How long closing may take, for what is still to be sent. Default 5 s.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// The largest frame that is taken from the hub, in bytes; a larger one is counted as bad and left out. Default
    /// 16 MiB.
    #[must_use]
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// After how many frames that a hub must not send a connection is given up, and made anew. Default 100.
    #[must_use]
    pub fn max_bad_frames(mut self, frames: u64) -> Self {
        self.max_bad_frames = frames;
        self
    }

    /// Whether all of it can work: no time is longer than ten years; the heartbeat and the delays between attempts are not
    /// shorter than a millisecond. A link takes the nearest value that can work.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], with the name of what cannot work.
    pub fn check(&self) -> Result<(), Error> {
        let mut wrong = None;
        self.clone().each_time(|name, time, least| {
            if *time > LONGEST || *time < least {
                wrong.get_or_insert((name, *time));
            }
        });
        match wrong {
            None => Ok(()),
            Some((name, time)) => Err(Error::new(
                ErrorKind::Config,
                format!("{name} cannot be {time:?}: a link cannot wait so"),
            )),
        }
    }

    /// The nearest that can work.
    pub(super) fn clamped(mut self) -> Self {
        self.each_time(|_, time, least| *time = (*time).clamp(least, LONGEST));
        self
    }

    fn each_time(&mut self, mut each: impl FnMut(&'static str, &mut Duration, Duration)) {
        each("connect_timeout", &mut self.connect_timeout, Duration::ZERO);
        each("the reconnect policy's min_delay", &mut self.reconnect.min_delay, SHORTEST);
        each("the reconnect policy's max_delay", &mut self.reconnect.max_delay, SHORTEST);
        each("the heartbeat's interval", &mut self.heartbeat, SHORTEST);
        each("the heartbeat's timeout", &mut self.heartbeat_timeout, SHORTEST);
        each("subscribe_timeout", &mut self.subscribe_timeout, Duration::ZERO);
        each("publish_timeout", &mut self.publish_timeout, Duration::ZERO);
        each("close_timeout", &mut self.close_timeout, Duration::ZERO);
    }
}

impl Default for SpokeOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            reconnect: Reconnect::default(),
            heartbeat: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
            queue_bytes: 1 << 20,
            offline: Offline::Fail,
            subscribe_timeout: DEFAULT_SUBSCRIBE_TIMEOUT,
            publish_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            max_frame_bytes: 16 << 20,
            max_bad_frames: 100,
        }
    }
}

impl Reconnect {
    /// A lost link is not made again, and a link that could not be made is not tried again.
    #[must_use]
    pub fn never() -> Self {
        Self::default().max_attempts(0)
    }

    /// The most to wait before the first attempt. The wait is random between zero and this, and the most is doubled with every
    /// further attempt, up to twice as long as there has been no connection. Default 100 ms.
    #[must_use]
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The most to wait before any attempt. Default 10 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// After how many attempts in a row to give up. Default: never.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { min_delay: Duration::from_millis(100), max_delay: Duration::from_secs(10), max_attempts: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_work_are_named_and_brought_within_bounds() {
        let options = SpokeOptions::default;
        let (zero, max) = (Duration::ZERO, Duration::MAX);
        let second = Duration::from_secs(1);
        let cases = [
            ("connect_timeout", options().connect_timeout(max)),
            ("min_delay", options().reconnect(Reconnect::default().min_delay(zero))),
            ("max_delay", options().reconnect(Reconnect::default().max_delay(zero))),
            ("max_delay", options().reconnect(Reconnect::default().max_delay(max))),
            ("interval", options().heartbeat(zero, second)),
            ("interval", options().heartbeat(max, second)),
            ("timeout", options().heartbeat(second, max)),
            ("subscribe_timeout", options().subscribe_timeout(max)),
            ("publish_timeout", options().publish_timeout(max)),
            ("close_timeout", options().close_timeout(max)),
        ];
        for (name, options) in cases {
            let error = options.check().expect_err(name);
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false));
            assert!(error.to_string().contains(name), "{error}");
            options.clamped().check().expect("it can work");
        }
        options().check().expect("the defaults can work");
        options().connect_timeout(zero).check().expect("in vain, but it can");
    }
}
