//! A topic space that a host and its worker have for themselves.

use alk_pubsub_core::{
    Error, Event, Gap, InProcessEventTarget, Published, Route, RoutedEventTarget, Router, Scope,
    TargetFuture, Topic, Upstream,
};
use std::sync::Arc;

use alk_pubsub_core::EventTarget;

/// The topic space of a worker.
pub(crate) enum Space {
    /// Of a thread: publishers can be made to wait.
    Blocking(InProcessEventTarget),
    /// Of what may come back with a gap.
    Gapped(RoutedEventTarget<Direct>),
    /// Somebody else's.
    Shared(Arc<dyn EventTarget>),
}

/// The upstream that goes straight back to the router, and through which gaps can be reported.
pub(crate) struct Direct {
    router: Router,
}

impl Space {
    pub(crate) fn blocking() -> Self {
        Space::Blocking(InProcessEventTarget::in_process())
    }

    pub(crate) fn gapped() -> Self {
        Space::Gapped(RoutedEventTarget::new(|router| Direct { router }))
    }

    pub(crate) fn target(&self) -> Arc<dyn EventTarget> {
        match self {
            Space::Blocking(target) => Arc::new(target.clone()),
            Space::Gapped(target) => Arc::new(target.clone()),
            Space::Shared(target) => target.clone(),
        }
    }

    /// Whether it ends with the worker.
    pub(crate) fn is_owned(&self) -> bool {
        !matches!(self, Space::Shared(_))
    }

    /// Tells all who listen in a space of the worker's own that events are missing.
    pub(crate) fn report_gap(&self, gap: Gap) {
        if let Space::Gapped(target) = self {
            target.upstream().router.report_gap(None, gap);
        }
    }

    /// Ends it with the worker.
    pub(crate) fn close(&self) {
        // In process there is nothing to wait for.
        match self {
            Space::Blocking(target) => drop(target.close()),
            Space::Gapped(target) => drop(target.close()),
            Space::Shared(_) => {}
        }
    }
}

impl Upstream for Direct {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        Ok(Published::exact(self.router.deliver(event, Scope::ALL)))
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        Some(self.router.route(topic))
    }
}
