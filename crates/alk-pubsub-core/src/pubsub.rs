//! The front door: typed publish and subscribe over an event target.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::event::Payload;
use crate::event_map::{Dynamic, EventMap, EventOf};
use crate::local::InProcessEventTarget;
use crate::meta::TraceContext;
use crate::name::{Interest, Topic};
use crate::publisher::{self, Publisher, Publishing};
use crate::router::{Bounds, Overflow, RawSubscription};
use crate::state::StateWatch;
use crate::stats::Stats;
use crate::subscription::Subscription;
use crate::target::{EventTarget, Published, TargetFuture};

/// Publishes and subscribes to the events of the map `M`.
///
/// A handle, cheap to clone, the same type whatever the transport below it is.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{PubSub, event_map};
///
/// event_map! { struct Events { Tick("tick") => u32 } }
///
/// let pubsub = PubSub::<Events>::in_process();
/// let mut ticks = pubsub.subscribe(Tick).await?;
/// pubsub.publish(Tick, "clock", 1).await?;
/// assert_eq!(ticks.recv().await.expect("open").payload(), &1);
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
pub struct PubSub<M> {
    target: Arc<dyn EventTarget>,
    trace: Option<Arc<dyn TraceContext>>,
    map: PhantomData<fn() -> M>,
}

impl<M: EventMap> PubSub<M> {
    /// Over this target.
    pub fn new(target: impl EventTarget) -> Self {
        Self::over(Arc::new(target))
    }

    /// Over a target that is shared already.
    #[must_use]
    pub fn over(target: Arc<dyn EventTarget>) -> Self {
        Self { target, trace: None, map: PhantomData }
    }

    /// A handle of the same target whose events say where in a trace they were published: with the context that `context`
    /// tells at that moment. Subscribers read it by [`EventEnvelope::traceparent`](crate::EventEnvelope::traceparent).
    ///
    /// The context is asked for within the span `publish` that is made for each event where somebody listens to spans of
    /// the level debug, so that what subscribers do becomes a part of that.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use alk_pubsub_core::{Dynamic, PubSub, Traceparent};
    ///
    /// let pubsub = PubSub::<Dynamic>::in_process();
    /// let mut ticks = pubsub.subscribe("tick").await?;
    /// // Of one request, say the header with which it came. Or of whatever runs: a closure that knows.
    /// let parent: Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    /// pubsub.traced_by(parent).publish("tick", "a", 1.into()).await?;
    /// assert_eq!(ticks.recv().await.expect("open").traceparent(), Some(parent));
    /// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn traced_by(&self, context: impl TraceContext) -> Self {
        Self { trace: Some(Arc::new(context)), ..self.clone() }
    }

    /// Within this process.
    #[must_use]
    pub fn in_process() -> Self {
        Self::new(InProcessEventTarget::in_process())
    }

    /// Publishes an event. The future waits until the transport has taken it. Nobody listening is success.
    ///
    /// # Errors
    ///
    /// A bad type or id, and what [`EventTarget::dispatch_event`] says.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it resolved, the event is or is not published.
    pub fn publish<E: EventOf<M>>(&self, event: E, id: impl AsRef<str>, payload: E::Payload) -> Publishing {
        match event.event_type().and_then(|event_type| Topic::new(event_type, id)) {
            Ok(topic) => publisher::publish(&*self.target, self.trace.as_deref(), topic, payload),
            Err(bad) => Publishing::failed(bad.into()),
        }
    }

    /// Publishes an event without waiting for anything.
    ///
    /// # Errors
    ///
    /// A bad type or id, and what [`EventTarget::try_dispatch_event`] says.
    pub fn try_publish<E: EventOf<M>>(
        &self,
        event: E,
        id: impl AsRef<str>,
        payload: E::Payload,
    ) -> Result<Published, Error> {
        let topic = Topic::new(event.event_type()?, id)?;
        publisher::try_publish(&*self.target, self.trace.as_deref(), topic, payload)
    }

    /// For who publishes often on one topic: an event and an id.
    ///
    /// # Errors
    ///
    /// A bad type or id.
    pub fn publisher<E: EventOf<M>>(
        &self,
        event: E,
        id: impl AsRef<str>,
    ) -> Result<Publisher<E::Payload>, Error> {
        let topic = Topic::new(event.event_type()?, id)?;
        Ok(Publisher::new(self.target.clone(), self.trace.clone(), topic))
    }

    /// Subscribes to every id of an event. Await the result, or set its bounds first.
    ///
    /// Once it resolved, everything published afterwards is received or accounted for.
    pub fn subscribe<E: EventOf<M>>(&self, event: E) -> Subscribe<'_, E::Payload> {
        Subscribe::new(&*self.target, event.event_type().map(Interest::Type).map_err(Error::from))
    }

    /// Subscribes to one topic: an event and an id. Await the result, or set its bounds first.
    pub fn subscribe_to<E: EventOf<M>>(&self, event: E, id: impl AsRef<str>) -> Subscribe<'_, E::Payload> {
        let topic = event.event_type().and_then(|event_type| Topic::new(event_type, id));
        Subscribe::new(&*self.target, topic.map(Interest::Topic).map_err(Error::from))
    }

    /// Closes the target, for all its handles. See [`EventTarget::close`].
    ///
    /// # Errors
    ///
    /// Something could not be sent in time; it is closed all the same.
    pub async fn close(&self) -> Result<(), Error> {
        self.target.close().await
    }

    /// Counters of the target.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.target.stats()
    }

    /// Whether the transport is connected.
    #[must_use]
    pub fn state(&self) -> StateWatch {
        self.target.state()
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &Arc<dyn EventTarget> {
        &self.target
    }
}

impl PubSub<Dynamic> {
    /// Subscribes to all events there are.
    pub fn subscribe_all(&self) -> Subscribe<'_, serde_json::Value> {
        Subscribe::new(&*self.target, Ok(Interest::Everything))
    }
}

impl<M> Clone for PubSub<M> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone(), trace: self.trace.clone(), map: PhantomData }
    }
}

impl<M> fmt::Debug for PubSub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub").field("stats", &self.target.stats()).finish_non_exhaustive()
    }
}

/// A subscription to be made: awaiting it subscribes.
///
/// # Errors
///
/// A bad type or id, and what [`EventTarget::subscribe_raw`] says.
#[must_use = "awaiting it subscribes"]
pub struct Subscribe<'a, P> {
    target: &'a dyn EventTarget,
    interest: Result<Interest, Error>,
    bounds: Bounds,
    payload: PhantomData<fn() -> P>,
}

impl<'a, P> Subscribe<'a, P> {
    fn new(target: &'a dyn EventTarget, interest: Result<Interest, Error>) -> Self {
        Self { target, interest, bounds: Bounds::default(), payload: PhantomData }
    }

    /// How far it may lag. Default 1024 events, 4 MiB, the oldest are dropped.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// How many events it may lag. Default 1024.
    pub fn capacity(mut self, events: usize) -> Self {
        self.bounds = self.bounds.events(events);
        self
    }

    /// What happens when it lags too far. Default [`Overflow::DropOldest`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.bounds = self.bounds.overflow(overflow);
        self
    }
}

impl<P: Payload> IntoFuture for Subscribe<'_, P> {
    type Output = Result<Subscription<P>, Error>;
    type IntoFuture = Subscribing<P>;

    fn into_future(self) -> Subscribing<P> {
        let raw = match self.interest {
            Ok(interest) => self.target.subscribe_raw(interest, self.bounds),
            Err(error) => TargetFuture::ready(Err(error)),
        };
        Subscribing { raw, payload: PhantomData }
    }
}

impl<P> fmt::Debug for Subscribe<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe").field("interest", &self.interest).field("bounds", &self.bounds).finish()
    }
}

/// The future of a subscription. Dropping it before it is ready unsubscribes.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Subscribing<P> {
    raw: TargetFuture<Result<RawSubscription, Error>>,
    payload: PhantomData<fn() -> P>,
}

impl<P: Payload> Future for Subscribing<P> {
    type Output = Result<Subscription<P>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.raw).poll(cx).map(|raw| raw.map(Subscription::from))
    }
}
