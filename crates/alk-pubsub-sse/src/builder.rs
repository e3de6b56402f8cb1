use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, EventTarget, Interest};
use http::request::Parts;

use crate::config::Config;
use crate::denied::Denied;
use crate::relay::SseRelay;

/// Sets up an [`SseRelay`].
///
/// ```
/// use alk_pubsub_core::{Bounds, InProcessEventTarget, Overflow};
/// use alk_pubsub_sse::{Denied, SseRelay};
///
/// let relay = SseRelay::builder(InProcessEventTarget::in_process())
///     .bounds(Bounds::default().bytes(256 << 10).overflow(Overflow::Close))
///     .authorize(|request, interest| match request.headers.get("x-team") {
///         Some(team) if interest.to_string().starts_with(team.to_str().unwrap_or("?")) => Ok(()),
///         _ => Err(Denied::new("topics of other teams are not yours")),
///     })
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

    /// Asks this hook for every topic of every request. It must not block. Default: everybody may hear everything.
    pub fn authorize(
        mut self,
        authorize: impl Fn(&Parts, &Interest) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        self.config.authorize = Some(Arc::new(authorize));
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
