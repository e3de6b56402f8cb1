use crate::error::{Error, ErrorKind};

/// How far a subscriber may lag, and what happens beyond that.
///
/// ```
/// use alk_pubsub_core::{Bounds, Overflow};
///
/// let bounds = Bounds::default().events(64).overflow(Overflow::Close);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) overflow: Overflow,
}

/// What happens when a subscriber lags by more than its [`Bounds`] allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest events are left out, and counted. The default.
    #[default]
    DropOldest,
    /// Of each topic only the newest event is kept: right for status streams. When there are more topics than the
    /// bound allows, the one that changed the longest time ago is left out.
    Latest,
    /// The publisher waits. In process and between worker threads only; other targets refuse it as
    /// [`Unsupported`](ErrorKind::Unsupported). A task that publishes to a full subscription which it alone reads waits for
    /// ever. So do two sides that publish to each other from the tasks in which they receive, once the queues of both are full: give each
    /// direction a task of its own, or use `try_publish`. With a bound of 256 events or more, a publisher that begins to wait may do so
    /// until there is room for 16.
    Block,
    /// The subscription ends.
    Close,
}

impl Bounds {
    /// 1024.
    pub const DEFAULT_EVENTS: usize = 1024;

    /// 4 MiB.
    pub const DEFAULT_BYTES: usize = 4 << 20;

    /// At most so many events. Default 1024.
    #[must_use]
    pub fn events(mut self, events: usize) -> Self {
        self.events = events as u64;
        self
    }

    /// At most so many bytes of encoded envelopes; events that were published in this process as values do not
    /// count. A single event may be larger. Default 4 MiB.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes as u64;
        self
    }

    /// What happens beyond. Default [`Overflow::DropOldest`].
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How many events it may lag.
    #[must_use]
    pub fn max_events(&self) -> u64 {
        self.events
    }

    /// How many encoded bytes it may lag.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.bytes
    }

    /// What happens beyond.
    #[must_use]
    pub fn policy(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn check(self) -> Result<Self, Error> {
        if self.events == 0 || self.bytes == 0 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a subscription must be allowed at least one event and byte",
            ));
        }
        Ok(self)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            events: Self::DEFAULT_EVENTS as u64,
            bytes: Self::DEFAULT_BYTES as u64,
            overflow: Overflow::default(),
        }
    }
}
