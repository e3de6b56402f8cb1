//! The seam between a router and a transport.

use crate::error::Error;
use crate::event::Event;
use crate::name::{Interest, Topic};
use crate::router::Route;
use crate::state::StateWatch;
use crate::target::{Published, TargetFuture};

/// Where dispatched events go and where events come back from.
///
/// This is what a transport has to provide; [`RoutedEventTarget`](crate::RoutedEventTarget) makes an
/// [`EventTarget`](crate::EventTarget) of it. The upstream gets a [`Router`](crate::Router) when it is made and hands it everything
/// that arrives by [`Router::deliver`](crate::Router::deliver); that is the only way to a listener, also for what this process
/// publishes itself.
///
/// # Interests
///
/// The upstream is told when the first listener of an interest arrives and when the last one leaves, and nothing in
/// between. [`interest_added`](Self::interest_added) and [`interest_removed`](Self::interest_removed) of one interest are called in the order in
/// which they happened, never at the same time, with a part of the router locked: they note what is wanted and return.
/// They must not wait, and must not call the router or take a lock under which the router is called. They are called
/// from anywhere: outside a runtime, while unwinding, at the end of the process.
///
/// [`confirmed`](Self::confirmed) resolves when the transport has confirmed the interest, which is when `subscribe` returns.
pub trait Upstream: Send + Sync + 'static {
    /// Sends an event. The call takes its place in the order, see [`EventTarget`](crate::EventTarget).
    ///
    /// # Errors
    ///
    /// See [`EventTarget::dispatch_event`](crate::EventTarget::dispatch_event).
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>>;

    /// Sends an event without waiting.
    ///
    /// # Errors
    ///
    /// See [`EventTarget::try_dispatch_event`](crate::EventTarget::try_dispatch_event).
    fn try_publish(&self, event: Event) -> Result<Published, Error>;

    /// Somebody listens to this now and nobody did.
    fn interest_added(&self, interest: &Interest) {
        let _ = interest;
    }

    /// Nobody listens to this any more.
    fn interest_removed(&self, interest: &Interest) {
        let _ = interest;
    }

    /// Resolves when events of this interest, which was added, arrive. The provided method says that they do.
    ///
    /// # Errors
    ///
    /// The transport refuses it, or cannot tell.
    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        let _ = interest;
        TargetFuture::ready(Ok(()))
    }

    /// Whether an event comes once for each of the [kinds of interest](crate::Scope) that match it, rather than once for all. The
    /// provided method says no.
    fn delivers_copies(&self) -> bool {
        false
    }

    /// A short way for who publishes on one topic again and again, where events go straight to those who listen:
    /// [`Router::route`](crate::Router::route). See [`EventTarget::route`](crate::EventTarget::route). The provided method says
    /// that there is none.
    fn route(&self, topic: &Topic) -> Option<Route> {
        let _ = topic;
        None
    }

    /// Whether a publisher waits for subscribers with [`Overflow::Block`](crate::Overflow::Block). The provided method says no.
    fn can_block(&self) -> bool {
        false
    }

    /// Sends what is on its way and lets go of the transport. Called once, before the router is closed.
    ///
    /// # Errors
    ///
    /// Something could not be sent in time.
    fn close(&self) -> TargetFuture<Result<(), Error>> {
        TargetFuture::ready(Ok(()))
    }

    /// How often the transport was connected again after it had been. The provided method says never.
    fn reconnects(&self) -> u64 {
        0
    }

    /// Whether the transport is connected. `None`, the default, where there is nothing to be connected to.
    fn state(&self) -> Option<StateWatch> {
        None
    }
}
