use std::fmt;
use std::sync::Arc;

use alk_pubsub_core::EventTarget;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, post};
use tokio_util::sync::CancellationToken;

use super::builder::{Config, PublishBuilder};
use super::receive::Receiving;
use super::stats::{Counters, PublishStats};

/// Takes events by `POST /events`: one envelope as `application/json`, or many, one a line, as `application/x-ndjson`.
///
/// Lines are published while they arrive; a body may be as long as it likes, and no more than one line of it is held.
/// Blank lines are passed over. The answer is `202` and how many events were published, to how many receivers altogether
/// (`null` where the transport does not say):
///
/// ```text
/// {"published":2,"receivers":5}
/// ```
///
/// A line that is refused ends the request with a problem details object (RFC 9457) of which `line` says which one it was,
/// `code` and `detail` what was wrong, and `published` how many were published before it.
///
/// A handle, cheap to clone.
///
/// ```
/// use alk_pubsub_core::InProcessEventTarget;
/// use alk_pubsub_sse::PublishHandler;
///
/// let publish = PublishHandler::new(InProcessEventTarget::in_process());
/// let app: axum::Router = axum::Router::new().route("/events", publish.handler());
/// ```
#[derive(Clone)]
pub struct PublishHandler(Arc<Shared>);

pub(super) struct Shared {
    pub(super) target: Arc<dyn EventTarget>,
    pub(super) config: Config,
    pub(super) counters: Counters,
    pub(super) closing: CancellationToken,
}

impl PublishHandler {
    /// Over this target, with all defaults.
    pub fn new(target: impl EventTarget) -> Self {
        Self::builder(target).build()
    }

    /// Over this target, to be set up.
    pub fn builder(target: impl EventTarget) -> PublishBuilder {
        PublishBuilder::new(target)
    }

    pub(super) fn from_parts(target: Arc<dyn EventTarget>, config: Config) -> Self {
        Self(Arc::new(Shared {
            target,
            config,
            counters: Counters::default(),
            closing: CancellationToken::new(),
        }))
    }

    /// The handler, for a route of your choice.
    pub fn handler<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let shared = self.0.clone();
        post(move |request: Request| {
            let shared = shared.clone();
            async move {
                shared.counters.requests.add(1);
                let (parts, body) = request.into_parts();
                let mut receiving = Receiving::new(&shared, &parts, body);
                match receiving.run().await {
                    Ok(()) => receiving.into_tally().into_response(),
                    Err(problem) => {
                        shared.counters.refused.add(problem.code());
                        receiving.refuse(problem).await.into_response()
                    }
                }
            }
        })
    }

    /// Ends requests that are under way between two lines, and refuses new ones, both with status 503. Idempotent.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Counters since the handler was made.
    #[must_use]
    pub fn stats(&self) -> PublishStats {
        self.0.counters.snapshot()
    }
}

impl fmt::Debug for PublishHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishHandler").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// `POST /events` over this target, with all defaults of [`PublishHandler`].
pub fn publish<S: Clone + Send + Sync + 'static>(target: impl EventTarget) -> MethodRouter<S> {
    PublishHandler::new(target).handler()
}
