use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::EventTarget;
use alk_pubsub_link::{AllowAll, Authorizer};

use super::handler::PublishHandler;

/// What a handler is built with.
pub(super) struct Config {
    pub(super) max_frame_bytes: usize,
    pub(super) max_rate: Option<u32>,
    pub(super) line_timeout: Duration,
    pub(super) authorizer: Arc<dyn Authorizer>,
}

/// Sets up a [`PublishHandler`].
///
/// ```
/// use alk_pubsub_core::{InProcessEventTarget, Topic};
/// use alk_pubsub_sse::{Authorizer, ConnectionInfo, Denied, PublishHandler};
///
/// struct OnlyStatus;
///
/// impl Authorizer for OnlyStatus {
///     fn may_publish(&self, _: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
///         match topic.event_type().as_str() {
///             "session.status" => Ok(()),
///             _ => Err(Denied::new("only session.status is published here")),
///         }
///     }
/// }
///
/// let handler = PublishHandler::builder(InProcessEventTarget::in_process())
///     .max_frame_bytes(4 << 10)
///     .authorizer(OnlyStatus)
///     .build();
/// ```
#[must_use = "a builder builds nothing until `build` is called"]
pub struct PublishBuilder {
    target: Arc<dyn EventTarget>,
    config: Config,
}

impl PublishBuilder {
    pub(super) fn new(target: impl EventTarget) -> Self {
        let config = Config {
            max_frame_bytes: 64 << 10,
            max_rate: None,
            line_timeout: Duration::from_secs(60),
            authorizer: Arc::new(AllowAll),
        };
        Self { target: Arc::new(target), config }
    }

    /// The longest envelope, in bytes. Default 64 KiB.
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.config.max_frame_bytes = bytes;
        self
    }

    /// How many events a second a connection or request may publish, see [`PublishRate`](super::PublishRate). Default: as
    /// many as the target takes.
    pub fn max_rate(mut self, events_per_second: u32) -> Self {
        self.config.max_rate = Some(events_per_second);
        self
    }

    /// How long the next line, or the only envelope, may take to arrive. A blank line is one too. Default 60 s.
    pub fn line_timeout(mut self, timeout: Duration) -> Self {
        self.config.line_timeout = timeout;
        self
    }

    /// Who may publish what. Who a request comes from is said by a layer in front of the handler, which puts an
    /// [`Identity`](alk_pubsub_link::Identity) into its extensions; lines that come after its end are refused. Default: everybody
    /// may publish everything.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.config.authorizer = Arc::new(authorizer);
        self
    }

    /// The handler.
    #[must_use]
    pub fn build(self) -> PublishHandler {
        PublishHandler::from_parts(self.target, self.config)
    }
}

impl fmt::Debug for PublishBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishBuilder")
            .field("max_frame_bytes", &self.config.max_frame_bytes)
            .finish_non_exhaustive()
    }
}
