use std::sync::Arc;
use std::time::Instant;

use alk_pubsub::sse::{PublishHandler, PublishRate, SseRelay};
use alk_pubsub::ws_server::{Limits, WsServerEventTarget};
use alk_pubsub::{ConnectionState, EventTarget};
use tokio_util::sync::CancellationToken;

use super::refusal::Refusals;
use super::seats::Seats;
use super::upstream::Upstream;
use crate::auth::HubAuthorizer;
use crate::cli::ServeArgs;
use crate::numbers::Metrics;

/// One event target, and all that stands in front of it.
pub(crate) struct Hub {
    pub(crate) upstream: Upstream,
    pub(crate) target: Arc<dyn EventTarget>,
    pub(crate) ws: WsServerEventTarget,
    pub(crate) sse: SseRelay,
    pub(crate) publish: PublishHandler,
    pub(crate) authorizer: HubAuthorizer,
    pub(crate) seats: Seats,
    pub(crate) refusals: Refusals,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
    /// From here on nobody new is served.
    pub(crate) draining: CancellationToken,
    max_publish_rate: Option<u32>,
}

/// Whether a hub is to be sent clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Its upstream is not there now.
    Disconnected,
    /// It is shutting down.
    Draining,
}

impl Readiness {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Disconnected => "disconnected",
            Self::Draining => "draining",
        }
    }
}

impl Hub {
    pub(crate) fn new(arguments: &ServeArgs, authorizer: HubAuthorizer, upstream: Upstream) -> Self {
        let target = upstream.target();
        let bounds = arguments.bounds();
        let max_topics = arguments.max_topics.get();
        let max_publish_rate = arguments.max_publish_rate.map(Into::into);

        let mut limits = Limits::default();
        limits.max_frame_bytes = arguments.max_frame.bytes();
        limits.max_topics = max_topics;
        limits.max_publish_rate = max_publish_rate;
        limits.queue = bounds;
        // The seats are counted here, for event streams too.
        let ws = WsServerEventTarget::builder(target.clone());
        let ws = ws.limits(limits).authorizer(authorizer.clone()).max_connections(usize::MAX).build();

        let sse = SseRelay::builder(target.clone())
            .bounds(bounds)
            .max_topics(max_topics)
            // That is for the authorizer to say.
            .allow_everything(true)
            .authorizer(authorizer.clone())
            .build();

        let mut publish = PublishHandler::builder(target.clone())
            .max_frame_bytes(arguments.max_frame.bytes())
            .authorizer(authorizer.clone());
        if let Some(rate) = max_publish_rate {
            publish = publish.max_rate(rate);
        }

        Self {
            upstream,
            ws,
            sse,
            publish: publish.build(),
            authorizer,
            seats: Seats::new(arguments.max_connections.get()),
            refusals: Refusals::default(),
            metrics: Metrics::new(target.clone()),
            target,
            started: Instant::now(),
            draining: CancellationToken::new(),
            max_publish_rate,
        }
    }

    /// The rate of one connection, where it is limited.
    pub(super) fn publish_rate(&self) -> Option<PublishRate> {
        self.max_publish_rate.map(PublishRate::per_second)
    }

    /// Whether it takes clients, or why it does not.
    pub(crate) fn readiness(&self) -> Readiness {
        if self.draining.is_cancelled() {
            Readiness::Draining
        } else if self.target.state().current() == ConnectionState::Connected {
            Readiness::Ready
        } else {
            Readiness::Disconnected
        }
    }
}
