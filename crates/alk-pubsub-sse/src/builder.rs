use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, EventTarget};
use alk_pubsub_link::Authorizer;

use crate::config::Config;
use crate::relay::SseRelay;

/// Sets up an [`SseRelay`].
///
/// ```
/// use alk_pubsub_core::{Bounds, InProcessEventTarget, Interest, Overflow};
/// use alk_pubsub_sse::{Authorizer, ConnectionInfo, Denied, SseRelay};
///
/// struct OwnTeam;
///
/// impl Authorizer for OwnTeam {
///     fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
///         match connection.identity().subject() {
///             Some(team) if interest.to_string().starts_with(team) => Ok(()),
///             _ => Err(Denied::new("topics of other teams are not yours")),
///         }
///     }
/// }
///
/// let relay = SseRelay::builder(InProcessEventTarget::in_process())
///     .bounds(Bounds::default().bytes(256 << 10).overflow(Overflow::Close))
///     .authorizer(OwnTeam)
///     .build();
/// ```
#[must_use = "a builder builds nothing until `build` is called"]
pub struct SseRelayBuilder {
    target: Arc<dyn EventTarget>,
    config: Config,
}

impl SseRelayBuilder {
    pub(crate) fn new(target: impl EventTarget) -> Self {
        Self { target: Arc::new(target), config: Config::default() }
    }

    /// How far one client may lag, all its topics together, and what happens then: with
    /// [`Overflow::Close`](alk_pubsub_core::Overflow::Close) its stream ends, otherwise it is told the gap. Default 1024 events,
    /// 1 MiB, the oldest are dropped.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.config.bounds = bounds;
        self
    }

    /// How many different topics one client may ask for. Default 128.
    pub fn max_topics(mut self, topics: usize) -> Self {
        self.config.max_topics = topics;
        self
    }

    /// Whether clients may ask for `*`, that is, for everything. Default no.
    pub fn allow_everything(mut self, allow: bool) -> Self {
        self.config.allow_everything = allow;
        self
    }

    /// How often a comment is sent, so that whoever stands in between keeps the connection. Default 15 s.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.config.keep_alive = interval.max(Duration::from_millis(1));
        self
    }

    /// After what time clients are told to come back when their stream is ended; picked at random for each, so that they
    /// do not all come at once. Default 1 s to 5 s.
    pub fn retry(mut self, retry: RangeInclusive<Duration>) -> Self {
        let (one, other) = retry.into_inner();
        self.config.retry = one.min(other)..=one.max(other);
        self
    }

    /// Who may hear what. Who a request comes from is said by a layer in front of the handler, which puts an
    /// [`Identity`](alk_pubsub_link::Identity) into its extensions. Default: everybody may hear everything.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.config.authorizer = Arc::new(authorizer);
        self
    }

    /// The relay.
    #[must_use]
    pub fn build(self) -> SseRelay {
        SseRelay::from_parts(self.target, self.config)
    }
}

impl fmt::Debug for SseRelayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseRelayBuilder").field("bounds", &self.config.bounds).finish_non_exhaustive()
    }
}
