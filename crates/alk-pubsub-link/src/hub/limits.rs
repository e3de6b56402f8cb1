use std::time::Duration;

use alk_pubsub_core::{Bounds, Overflow};

/// What one connection may cost.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest frame that is taken, in bytes. Default 64 KiB.
    pub max_frame_bytes: usize,
    /// How many interests a connection may have. Default 128.
    pub max_topics: usize,
    /// How many events, and bytes of them, may wait for a connection. Default 1024 and 1 MiB.
    pub queue: Bounds,
    /// How many control frames a connection may send in a second on average. Default 50.
    pub control_rate: u32,
    /// How many control frames a connection may send at once. Default 200.
    pub control_burst: u32,
    /// How many events a connection may publish in a second. Default: any number; TCP holds a fast publisher back.
    pub max_publish_rate: Option<u32>,
    /// After how many bad frames the connection is closed. Default 100.
    pub max_bad_frames: u32,
    /// How many publishes of a connection may be on their way to the upstream. Default 256.
    pub max_in_flight: usize,
    /// How often the hub pings. Default 25 s, varied by ±20 %.
    pub heartbeat: Duration,
    /// How long after a ping something must have arrived. Default 10 s.
    pub heartbeat_timeout: Duration,
}

impl Limits {
    /// What happens when more waits for a connection than its queue allows: `DropOldest` (the default) or `Close`.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.queue = self.queue.overflow(overflow);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 64 << 10,
            max_topics: 128,
            queue: Bounds::default().bytes(1 << 20),
            control_rate: 50,
            control_burst: 200,
            max_publish_rate: None,
            max_bad_frames: 100,
            max_in_flight: 256,
            heartbeat: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
        }
    }
}
