use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::Bounds;
use alk_pubsub_link::{AllowAll, Authorizer};

/// What a relay is built with.
pub(crate) struct Config {
    pub(crate) bounds: Bounds,
    pub(crate) max_topics: usize,
    pub(crate) allow_everything: bool,
    pub(crate) keep_alive: Duration,
    /// When clients are told to come back, picked at random for each.
    pub(crate) retry: RangeInclusive<Duration>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bounds: Bounds::default().events(1024).bytes(1 << 20),
            max_topics: 128,
            allow_everything: false,
            keep_alive: Duration::from_secs(15),
            retry: Duration::from_secs(1)..=Duration::from_secs(5),
            authorizer: Arc::new(AllowAll),
        }
    }
}
