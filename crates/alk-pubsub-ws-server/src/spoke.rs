use std::fmt;
use std::sync::{Arc, Weak};

use alk_pubsub_core::{
    Error, ErrorKind, Event, EventTarget, Published, RoutedEventTarget, Router, TargetFuture, Upstream,
    forward_event_target,
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

forward_event_target!(SpokeEventTarget, |spoke| spoke.0);

impl fmt::Debug for SpokeEventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpokeEventTarget").field(&self.0).finish()
    }
}
