//! The event target: what a `PubSub` is configured with.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::error::Error;
use crate::event::Event;
use crate::gap::Gap;
use crate::latency::LatencyProbe;
use crate::name::{Interest, Topic};
use crate::router::{Bounds, RawSubscription, Route, subscribe_by_listener};
use crate::state::StateWatch;
use crate::stats::Stats;

/// Something that events are dispatched to and that listeners listen to: the transport behind a
/// [`PubSub`](crate::PubSub), swapped by swapping one value.
///
/// The trait is object safe, `Arc<dyn EventTarget>` is an event target. All targets of this project are a
/// [`RoutedEventTarget`](crate::RoutedEventTarget) over some [`Upstream`](crate::Upstream); for a transport of your own implement
/// `Upstream`, which is less work. Implement `EventTarget` to stand in front of another target: to count, to filter, to
/// inject faults.
///
/// # What an implementation promises
///
/// *Active means active.* When the future of [`add_event_listener`](Self::add_event_listener) or
/// [`subscribe_raw`](Self::subscribe_raw) resolves to `Ok`, every event whose dispatch begins afterwards, in any process that shares the
/// topic space, reaches the listener or is accounted for by a gap. A target that is not sure yet does not resolve.
///
/// *One way round.* A dispatched event goes to the transport, and what the transport brings goes to the listeners. A
/// target never hands an event to its own listeners on the way out *and* on the way back.
///
/// *At most once, in order.* A listener hears an event at most once, and what one publisher dispatches on one topic in
/// the order in which it was dispatched.
///
/// *Nothing is lost in silence.* What a listener misses is reported by [`EventListener::on_gap`] or by a gap in the
/// subscription, at the place where the events are missing and before any newer one.
///
/// # Waiting and cancelling
///
/// The methods return a [`TargetFuture`], which is often ready at once and then costs no allocation. The *call* does the
/// work that can be done at once, and takes the event's place in the order; polling drives the rest. So this is in order:
///
/// ```
/// # use alk_pubsub_core::{EventTarget, Event, Error};
/// # async fn two(target: &dyn EventTarget, first: Event, second: Event) -> Result<(), Error> {
/// let one = target.dispatch_event(first);
/// let two = target.dispatch_event(second);
/// one.await?;
/// two.await?;
/// # Ok(()) }
/// ```
///
/// An event for which a subscriber with [`Overflow::Block`](crate::Overflow::Block) has no room takes its place only when there is; who
/// uses that policy awaits each dispatch before the next.
///
/// Dropping the future of a dispatch leaves open whether the event is delivered. Dropping the future of a subscription
/// unsubscribes. A future that is not ready is not driven by anybody else: this waits for ever where the dispatch has
/// to wait for the subscription, because nobody polls it while the other is awaited:
///
/// ```no_run
/// # use alk_pubsub_core::{EventTarget, Event, Error};
/// # async fn trap(target: &dyn EventTarget, first: Event, second: Event) -> Result<(), Error> {
/// let waiting = target.dispatch_event(first); // say, a subscriber with `Overflow::Block` is full
/// target.dispatch_event(second).await?; // and the task that would read is this one
/// waiting.await?;
/// # Ok(()) }
/// ```
///
/// # Blocking
///
/// Listeners are called by whoever brings the event, so they must not block, and must not wait for this target. A slow
/// listener belongs behind a subscription, which has a queue with a bound.
///
/// # Closing
///
/// After [`close`](Self::close) new calls fail with [`Closed`](crate::ErrorKind::Closed), and subscriptions end when they
/// have handed out what they hold. Closing twice is fine. Dropping all handles of a target without closing it also
/// releases what it holds, without flushing.
pub trait EventTarget: Send + Sync + 'static {
    /// Sends an event to everybody who listens to its topic, its type, or everything.
    ///
    /// Resolves when the transport has taken the event; that nobody listens is success.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)s `TooLarge`, `Encode`, `Denied`, `Disconnected`, `Timeout`, `Closed`. Nothing was
    /// delivered then, except after a `Timeout` or `Disconnected`, where nobody can know.
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>>;

    /// As [`dispatch_event`](Self::dispatch_event) without waiting: resolves no answer of the other side.
    ///
    /// # Errors
    ///
    /// As there, and [`WouldBlock`](crate::ErrorKind::WouldBlock) where it would have to wait for room.
    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error>;

    /// A short way for who publishes on one topic again and again; a [`Publisher`](crate::Publisher) asks for it. What is not
    /// usual goes by [`dispatch_event`](Self::dispatch_event) nevertheless.
    ///
    /// The provided method says that there is none, and then everything goes by `dispatch_event`. A target that stands in front
    /// of another one and only passes events on may ask that one, and say [how long](Route::open_while); one that looks at them
    /// must not.
    fn route(&self, topic: &Topic) -> Option<Route> {
        let _ = topic;
        None
    }

    /// Calls `listener` with every event of `interest`, from the moment the future resolves until the guard is dropped or
    /// the listener removed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)s `Denied`, `LimitExceeded`, `Unsupported`, `Disconnected`, `Timeout`, `Closed`.
    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>>;

    /// Removes a listener; whether it was there. A call of it that is under way on another thread still ends.
    fn remove_event_listener(&self, listener: ListenerId) -> bool;

    /// Subscribes: events wait in a queue with a bound until they are received.
    ///
    /// The provided method keeps a queue of its own, filled by a listener.
    ///
    /// # Errors
    ///
    /// As [`add_event_listener`](Self::add_event_listener), and `Unsupported` for [`Overflow::Block`](crate::Overflow::Block) where
    /// the publisher cannot be made to wait.
    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        subscribe_by_listener(self, interest, bounds)
    }

    /// Sends what is on its way out, then ends all subscriptions. Idempotent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`](crate::ErrorKind)s `Timeout` or `Upstream`: something could not be sent in time. The target is closed
    /// all the same.
    fn close(&self) -> TargetFuture<Result<(), Error>>;

    /// Whether the transport is connected, and a way to be told when that changes. A target without a transport is
    /// connected until it is closed.
    fn state(&self) -> StateWatch;

    /// Counters since the target was made; all zero where a target has none.
    fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Has the way of single events through this target timed, from when it has them to where they are sent. Whether it can,
    /// which it can once.
    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        let _ = probe;
        false
    }

    /// The interests that somebody listens to through this target, each with how many do; at most `most`.
    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        let _ = most;
        Vec::new()
    }
}

/// What an [`EventTarget`] calls. A closure `Fn(&Event)` is one.
///
/// A listener that panics is logged and stays.
pub trait EventListener: Send + Sync + 'static {
    /// An event; see [`EventTarget`] on blocking.
    fn on_event(&self, event: &Event);

    /// Events are missing here.
    fn on_gap(&self, gap: &Gap) {
        let _ = gap;
    }

    /// The target was closed; nothing follows.
    fn on_close(&self) {}
}

impl<F: Fn(&Event) + Send + Sync + 'static> EventListener for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// Names a listener of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(pub(crate) u64);

impl ListenerId {
    /// An id for a target of your own; ids need to differ within one target only.
    #[must_use]
    pub fn new(id: u64) -> Self {
        Self(id)
    }
}

/// Keeps a listener: dropping it removes the listener.
#[must_use = "dropping the guard removes the listener"]
pub struct ListenerGuard {
    id: ListenerId,
    target: Option<Weak<dyn RemoveListener>>,
}

/// What a [`ListenerGuard`] needs of its target.
pub trait RemoveListener: Send + Sync + 'static {
    /// Removes a listener; whether it was there.
    fn remove_listener(&self, listener: ListenerId) -> bool;
}

impl ListenerGuard {
    /// A guard that removes `id` from `target` when it is dropped, if the target is still there.
    pub fn new(id: ListenerId, target: Weak<dyn RemoveListener>) -> Self {
        Self { id, target: Some(target) }
    }

    /// The listener's id, for [`EventTarget::remove_event_listener`].
    #[must_use]
    pub fn id(&self) -> ListenerId {
        self.id
    }

    /// Keeps the listener for as long as the target lives.
    pub fn detach(mut self) -> ListenerId {
        self.target = None;
        self.id
    }
}

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        if let Some(target) = self.target.take().and_then(|target| target.upgrade()) {
            target.remove_listener(self.id);
        }
    }
}

impl fmt::Debug for ListenerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerGuard").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known of a published event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Published {
    /// Who receives it.
    pub receivers: Receivers,
}

/// How many subscribers an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Receivers {
    /// So many, and no others.
    Exact(u64),
    /// So many that the transport knows of, and perhaps others.
    AtLeast(u64),
    /// The transport does not say.
    Unknown,
}

impl Published {
    /// Taken by exactly so many subscribers.
    #[must_use]
    pub fn exact(receivers: u64) -> Self {
        Self { receivers: Receivers::Exact(receivers) }
    }

    /// The number of receivers that is known of.
    #[must_use]
    pub fn known_receivers(&self) -> Option<u64> {
        match self.receivers {
            Receivers::Exact(receivers) | Receivers::AtLeast(receivers) => Some(receivers),
            Receivers::Unknown => None,
        }
    }
}

/// The future that a target returns: ready at once in process, boxed where there is something to wait for.
#[must_use = "futures do nothing unless they are awaited"]
pub struct TargetFuture<T>(Inner<T>);

enum Inner<T> {
    Ready(Option<T>),
    Boxed(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> TargetFuture<T> {
    /// A future that is ready.
    pub fn ready(value: T) -> Self {
        Self(Inner::Ready(Some(value)))
    }

    /// A future that waits for another.
    pub fn boxed(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Inner::Boxed(Box::pin(future)))
    }

    /// The value, if it is there already; else the future.
    ///
    /// # Errors
    ///
    /// The future itself, if it is not ready.
    pub fn try_ready(self) -> Result<T, Self> {
        match self.0 {
            Inner::Ready(Some(value)) => Ok(value),
            waiting => Err(Self(waiting)),
        }
    }

    /// The same future with what it resolves to changed; at once if it is ready.
    pub fn map<U>(self, map: impl FnOnce(T) -> U + Send + 'static) -> TargetFuture<U>
    where
        T: Send + 'static,
    {
        match self.try_ready() {
            Ok(value) => TargetFuture::ready(map(value)),
            Err(waiting) => TargetFuture::boxed(async move { map(waiting.await) }),
        }
    }
}

impl<T> Unpin for TargetFuture<T> {}

impl<T> Future for TargetFuture<T> {
    type Output = T;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Inner::Ready(value) => {
                Poll::Ready(value.take().expect("a future is not polled after it was ready"))
            }
            Inner::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for TargetFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Ready(_) => "TargetFuture(ready)",
            Inner::Boxed(_) => "TargetFuture(waiting)",
        })
    }
}

impl<T: EventTarget + ?Sized> EventTarget for Arc<T> {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        (**self).dispatch_event(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        (**self).try_dispatch_event(event)
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        (**self).route(topic)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        (**self).add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        (**self).remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        (**self).subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        (**self).close()
    }

    fn state(&self) -> StateWatch {
        (**self).state()
    }

    fn stats(&self) -> Stats {
        (**self).stats()
    }

    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        (**self).probe_latency(probe)
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        (**self).interests(most)
    }
}
