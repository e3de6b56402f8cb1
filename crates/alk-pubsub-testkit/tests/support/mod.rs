//! Transports that need no server.
#![allow(dead_code, reason = "each test crate uses its part of this")]

pub(crate) mod server;

use std::sync::Arc;

use alk_pubsub_core::{
    Error, Event, EventListener, EventTarget, Interest, ListenerGuard, ListenerId, Published, StateWatch,
    TargetFuture,
};

/// A target that only does what it must.
pub(crate) struct Minimal(pub(crate) Arc<dyn EventTarget>);

impl EventTarget for Minimal {
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

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.0.close()
    }

    fn state(&self) -> StateWatch {
        self.0.state()
    }
}
