use std::fmt;
use std::sync::{Arc, Weak};

use alk_pubsub_core::{
    Bounds, Error, ErrorKind, Event, EventListener, EventTarget, Interest, ListenerGuard, ListenerId,
    Published, RawSubscription, RoutedEventTarget, Router, StateWatch, Stats, TargetFuture, Upstream,
};

use crate::connection::Shared;

/// The event target of one spoke, from [`WsConnection::target`](crate::WsConnection::target).
///
/// What is dispatched goes to this spoke alone, whatever it has subscribed to; up to as many events as a connection's queue
/// holds wait for it, then the oldest are left out and it is told by a `__gap`. Listeners and subscriptions hear what this
/// spoke publishes. When the spoke goes, subscriptions end and dispatching fails with
/// [`Disconnected`](ErrorKind::Disconnected).
#[derive(Clone)]
pub struct SpokeEventTarget(RoutedEventTarget<ToSpoke>);

/// The way to the spoke, which does not keep it.
struct ToSpoke(Weak<Shared>);

impl SpokeEventTarget {
    pub(crate) fn new(connection: &Arc<Shared>) -> (Self, Router) {
        let mut handle = None;
        let target = RoutedEventTarget::new(|router| {
            handle = Some(router);
            ToSpoke(Arc::downgrade(connection))
        });
        match handle {
            Some(router) => (Self(target), router),
            None => unreachable!("a routed target is made with a router"),
        }
    }

    /// Ends the subscriptions; there is nothing to wait for.
    pub(crate) fn disconnected(&self) {
        drop(self.0.close());
    }
}

impl Upstream for ToSpoke {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        match self.0.upgrade() {
            Some(connection) => connection.send(event),
            None => Err(Error::new(ErrorKind::Disconnected, "the spoke has gone")),
        }
    }
}

impl EventTarget for SpokeEventTarget {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        self.0.dispatch_event(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.0.try_dispatch_event(event)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.0.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.0.subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.0.close()
    }

    fn state(&self) -> StateWatch {
        self.0.state()
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }
}

impl fmt::Debug for SpokeEventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpokeEventTarget").field(&self.0).finish()
    }
}
