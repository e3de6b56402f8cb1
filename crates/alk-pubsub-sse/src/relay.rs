use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use alk_pubsub_core::{EventTarget, Interest};
use alk_pubsub_link::ConnectionInfo;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

use crate::builder::SseRelayBuilder;
use crate::config::Config;
use crate::listed::{Order, Streams};
use crate::open::open;
use crate::stats::{Counters, SseStats};
use crate::sweep::Sweep;

/// Answers `GET /events?topic=…` with the events of these topics as server-sent events.
///
/// 1 to 128 `topic` parameters, each a topic `type:id` or a type. When the client gets the answer's headers its topics
/// are active: every event that is published from then on reaches it or is accounted for by a gap. An event comes
/// once, however many of the topics match it:
///
/// ```text
/// event: session.status
/// data: {"type":"session.status","id":"p1","payload":"busy"}
/// ```
///
/// A client that reads too slowly misses the oldest events and is told so at the place where they are missing:
///
/// ```text
/// event: __gap
/// data: {"type":"__gap","id":"","payload":{"reason":"slow_consumer","missed":17}}
/// ```
///
/// A stream ends when the target is closed, when the relay is, when the client's [`Identity`](crate::Identity) expires, and when
/// the client goes, which unsubscribes at once. A handle, cheap to clone.
///
/// ```
/// use alk_pubsub_core::InProcessEventTarget;
/// use alk_pubsub_sse::SseRelay;
///
/// let relay = SseRelay::new(InProcessEventTarget::in_process());
/// let app: axum::Router = axum::Router::new().route("/events", relay.handler());
/// // …and when the server is to stop, also those streams end that never would:
/// relay.close();
/// ```
#[derive(Clone)]
pub struct SseRelay(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) target: Arc<dyn EventTarget>,
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    closing: AtomicBool,
    pub(crate) sweep: Sweep,
    pub(crate) streams: Arc<Streams>,
    next_id: AtomicU64,
    /// Sets the ids of this relay apart from those of others.
    run: u32,
}

impl Shared {
    pub(crate) fn new(target: Arc<dyn EventTarget>, config: Config) -> Self {
        Self {
            target,
            config,
            counters: Counters::default(),
            closing: AtomicBool::new(false),
            sweep: Sweep::default(),
            streams: Arc::default(),
            next_id: AtomicU64::new(1),
            run: rand::random(),
        }
    }

    /// To be asked after whoever asks can be woken.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn new_id(&self) -> String {
        format!("{:08x}-{}", self.run, self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}

impl SseRelay {
    /// Over this target, with all defaults.
    pub fn new(target: impl EventTarget) -> Self {
        Self::builder(target).build()
    }

    /// Over this target, to be set up.
    pub fn builder(target: impl EventTarget) -> SseRelayBuilder {
        SseRelayBuilder::new(target)
    }

    pub(crate) fn from_parts(target: Arc<dyn EventTarget>, config: Config) -> Self {
        Self(Arc::new(Shared::new(target, config)))
    }

    /// The handler, for a route of your choice.
    pub fn handler<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let shared = self.0.clone();
        get(move |request: Request| {
            let shared = shared.clone();
            async move {
                let (parts, _) = request.into_parts();
                open(&shared, &parts).await.unwrap_or_else(|problem| {
                    shared.counters.refused.add(problem.code());
                    problem.into_response()
                })
            }
        })
    }

    /// Ends all streams and refuses new ones with status 503. Idempotent.
    ///
    /// Each client still gets what was published before, and when to come back. The call does not wait for that:
    /// [`SseStats::active`] says how many there are left.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
        self.0.streams.wake();
    }

    /// Ends streams, also those that are just being opened: the client gets a `__close` event with the reason `disconnected`.
    /// Returns how many. A client that does not read is sent nothing any more within a second; see [`HangUp`](crate::HangUp)
    /// for how its connection ends.
    pub fn disconnect(&self, which: impl Fn(&ConnectionInfo) -> bool) -> usize {
        self.0.streams.order(which, &Order::Disconnect)
    }

    /// Has the [`Authorizer`](crate::Authorizer) asked again about every topic of these streams, since rights may have changed.
    /// Those that it does not allow any more end, each with an `__error` event, and with the last of them the stream. Returns
    /// how many streams were told; each does it when its task runs next, within a second where the client does not read.
    pub fn revoke(&self, which: impl Fn(&ConnectionInfo) -> bool) -> usize {
        self.0.streams.order(which, &Order::AskAgain)
    }

    /// Ends topics: those of all streams for which `which` is true, each with an `__error` event, and with the last of them the
    /// stream. Returns how many streams were told, which are all there are; each does it when its task runs next.
    pub fn unsubscribe(
        &self,
        which: impl Fn(&ConnectionInfo, &Interest) -> bool + Send + Sync + 'static,
    ) -> usize {
        self.0.streams.order(|_| true, &Order::Unsubscribe(Arc::new(which)))
    }

    /// Counters since the relay was made.
    #[must_use]
    pub fn stats(&self) -> SseStats {
        self.0.counters.snapshot()
    }
}

impl fmt::Debug for SseRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseRelay").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// `GET /events` over this target, with all defaults of [`SseRelay`].
pub fn handler<S: Clone + Send + Sync + 'static>(target: impl EventTarget) -> MethodRouter<S> {
    SseRelay::new(target).handler()
}
