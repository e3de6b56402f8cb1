//! The event target that all transports share: a router with an upstream.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::gap::Gap;
use crate::latency::LatencyProbe;
use crate::name::{Interest, Topic};
use crate::router::{After, Bounds, Log, LogState, Overflow, RawSubscription, Registry, Route, Router};
use crate::state::{ConnectionState, StateWatch};
use crate::stats::Stats;
use crate::sync::Mutex;
use crate::target::{
    EventListener, EventTarget, ListenerGuard, ListenerId, Published, RemoveListener, TargetFuture,
};
use crate::upstream::Upstream;

/// How long a subscription waits for the upstream's confirmation unless told otherwise: 10 s.
pub const DEFAULT_SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);

/// An [`EventTarget`] made of a [`Router`] and an [`Upstream`]. A handle, cheap to clone.
pub struct RoutedEventTarget<U>(Arc<Shared<U>>);

struct Shared<U> {
    router: Router,
    upstream: U,
    subscribe_timeout: Duration,
    listeners: Mutex<HashMap<ListenerId, Arc<Log>>>,
    state: watch::Sender<ConnectionState>,
}

/// Ends all subscriptions when it is dropped: when the upstream has closed, or the future of the close goes before.
struct Closing<U: Upstream>(Arc<Shared<U>>);

impl<U: Upstream> RoutedEventTarget<U> {
    /// A target over the upstream that `make` makes; it is given the router that it delivers to.
    ///
    /// The upstream lives as long as a handle or a subscription does. It must not keep a handle itself.
    pub fn new(make: impl FnOnce(Router) -> U) -> Self {
        Self::with_subscribe_timeout(make, DEFAULT_SUBSCRIBE_TIMEOUT)
    }

    /// As [`new`](Self::new), with a limit to how long a subscription waits for the upstream's confirmation.
    pub fn with_subscribe_timeout(make: impl FnOnce(Router) -> U, subscribe_timeout: Duration) -> Self {
        let router = Router::new();
        let upstream = make(router.clone());
        let listeners = Mutex::default();
        let state = watch::Sender::new(ConnectionState::Connected);
        Self(Arc::new(Shared { router, upstream, subscribe_timeout, listeners, state }))
    }

    /// The upstream.
    #[must_use]
    pub fn upstream(&self) -> &U {
        &self.0.upstream
    }

    fn is_closing(&self) -> bool {
        self.0.router.is_closing()
    }

    /// Hands out what listens once the upstream has confirmed its interest, unless it has been ended already: the upstream
    /// does not know then any more that it has refused it.
    fn confirmed<T: Send + 'static>(
        &self,
        interest: &Interest,
        value: T,
        ended_by: impl FnOnce(&T) -> Option<Error> + Send + 'static,
    ) -> TargetFuture<Result<T, Error>> {
        let limit = self.0.subscribe_timeout;
        let hand_out = move |()| ended_by(&value).map_or(Ok(value), Err);
        match self.0.upstream.confirmed(interest).try_ready() {
            Ok(confirmed) => TargetFuture::ready(confirmed.and_then(hand_out)),
            Err(waiting) => {
                let interest = interest.clone();
                TargetFuture::boxed(async move {
                    match tokio::time::timeout(limit, waiting).await {
                        Ok(confirmed) => confirmed.and_then(hand_out),
                        Err(_) => {
                            let message =
                                format!("the upstream did not confirm `{interest}` within {limit:?}");
                            Err(Error::new(ErrorKind::Timeout, message))
                        }
                    }
                })
            }
        }
    }
}

impl<U: Upstream> Registry for Shared<U> {
    fn leave(&self, log: &Arc<Log>, leave: &mut dyn FnMut(&mut LogState, &mut After)) {
        self.router.leave(log, &mut || self.upstream.interest_removed(log.interest()), leave);
    }

    fn count_gap(&self, gap: Gap) {
        self.router.count_gap(gap);
    }

    fn settle(&self) {
        self.router.settle();
    }

    fn delivers_copies(&self) -> bool {
        self.upstream.delivers_copies()
    }
}

impl<U: Upstream> RemoveListener for Shared<U> {
    fn remove_listener(&self, listener: ListenerId) -> bool {
        let Some(log) = self.listeners.lock().remove(&listener) else { return false };
        let mut removed = false;
        self.leave(&log, &mut |state, after| removed = state.remove_listener(listener, after));
        removed
    }
}

impl<U: Upstream> EventTarget for RoutedEventTarget<U> {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        if self.is_closing() {
            return TargetFuture::ready(Err(Error::closed()));
        }
        self.0.upstream.publish(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        if self.is_closing() {
            return Err(Error::closed());
        }
        self.0.upstream.try_publish(event)
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        self.0.upstream.route(topic)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        if self.is_closing() {
            return TargetFuture::ready(Err(Error::closed()));
        }
        let shared = &self.0;
        let id = shared.router.new_listener_id();
        let entered = shared.router.enter(
            &interest,
            || shared.upstream.interest_added(&interest),
            |log, state| {
                state.add_listener(log, id, listener);
                log.clone()
            },
        );
        match entered {
            Ok(log) => {
                shared.listeners.lock().insert(id, log.clone());
                let target: Weak<Shared<U>> = Arc::downgrade(shared);
                let guard = ListenerGuard::new(id, target);
                self.confirmed(&interest, guard, move |_| log.ended_by())
            }
            Err(error) => TargetFuture::ready(Err(error)),
        }
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.remove_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        if self.is_closing() {
            return TargetFuture::ready(Err(Error::closed()));
        }
        let shared = &self.0;
        let bounds = match bounds.check() {
            Ok(bounds) if bounds.overflow == Overflow::Block && !shared.upstream.can_block() => {
                let message = "publishers can wait for subscribers only within one process";
                return TargetFuture::ready(Err(Error::new(ErrorKind::Unsupported, message)));
            }
            Ok(bounds) => bounds,
            Err(error) => return TargetFuture::ready(Err(error)),
        };
        let entered = shared.router.enter(
            &interest,
            || shared.upstream.interest_added(&interest),
            |log, state| RawSubscription::join(log, state, bounds, shared.clone()),
        );
        match entered {
            Ok(subscription) => self.confirmed(&interest, subscription, RawSubscription::ended_by),
            Err(error) => TargetFuture::ready(Err(error)),
        }
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        if !self.0.router.begin_closing() {
            let mut state = self.0.state.subscribe();
            if *state.borrow() == ConnectionState::Closed {
                return TargetFuture::ready(Ok(()));
            }
            // Somebody else is at it, and is told how it went.
            return TargetFuture::boxed(async move {
                let _ = state.wait_for(|state| *state == ConnectionState::Closed).await;
                Ok(())
            });
        }
        let closing = Closing(self.0.clone());
        self.0.upstream.close().map(move |flushed| {
            drop(closing);
            flushed
        })
    }

    fn state(&self) -> StateWatch {
        self.0.upstream.state().unwrap_or_else(|| self.0.state.subscribe().into())
    }

    fn stats(&self) -> Stats {
        Stats { reconnects: self.0.upstream.reconnects(), ..self.0.router.stats() }
    }

    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        self.0.router.probe_latency(probe)
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        self.0.router.interests(most)
    }
}

impl<U: Upstream> Drop for Closing<U> {
    fn drop(&mut self) {
        self.0.router.close();
        self.0.state.send_replace(ConnectionState::Closed);
    }
}

impl<U> Clone for RoutedEventTarget<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<U> fmt::Debug for RoutedEventTarget<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutedEventTarget").field("router", &self.0.router).finish_non_exhaustive()
    }
}
