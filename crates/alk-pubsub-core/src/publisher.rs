//! Publishing: of one event after the other, or again and again on one topic.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tracing::Instrument;

use crate::error::Error;
use crate::event::{Event, Payload};
use crate::meta::TraceContext;
use crate::name::Topic;
use crate::router::Route;
use crate::spans;
use crate::target::{EventTarget, Published};

/// Publishes on one topic, whose name was checked when it was [made](crate::PubSub::publisher).
///
/// Cheaper than [`PubSub::publish`](crate::PubSub::publish) for who publishes often: what is worked out about a topic is worked
/// out once. A handle, cheap to clone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, PubSub};
///
/// let pubsub = PubSub::<Dynamic>::in_process();
/// let mut ticks = pubsub.subscribe("tick").await?;
/// let clock = pubsub.publisher("tick", "clock")?;
/// clock.publish(1.into()).await?;
/// assert_eq!(ticks.recv().await.expect("open").id(), "clock");
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
pub struct Publisher<P> {
    target: Arc<dyn EventTarget>,
    trace: Option<Arc<dyn TraceContext>>,
    topic: Topic,
    route: Option<Route>,
    payload: PhantomData<fn(P)>,
}

impl<P: Payload> Publisher<P> {
    pub(crate) fn new(
        target: Arc<dyn EventTarget>,
        trace: Option<Arc<dyn TraceContext>>,
        topic: Topic,
    ) -> Self {
        let route = target.route(&topic);
        Self { target, trace, topic, route, payload: PhantomData }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Publishes an event and waits until the transport has taken it. Nobody listening is success.
    ///
    /// Part of Tokio's [cooperative budget](tokio::task::coop): a task that publishes without end lets others run from time to
    /// time, among them those that carry its events further.
    ///
    /// # Errors
    ///
    /// What [`EventTarget::dispatch_event`] says.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolved, the event is or is not published.
    pub async fn publish(&self, payload: P) -> Result<Published, Error> {
        let (target, trace) = (&*self.target, self.trace.as_deref());
        if spans::are_heard() {
            return Box::pin(publish_in_span(target, trace, self.topic.clone(), payload)).await;
        }
        match self.append(event(trace, self.topic.clone(), payload)) {
            Ok(published) => {
                // See `dispatch`.
                tokio::task::coop::consume_budget().await;
                Ok(published)
            }
            Err(event) => dispatch(target, event).await,
        }
    }

    /// Publishes an event without waiting for anything.
    ///
    /// # Errors
    ///
    /// What [`EventTarget::try_dispatch_event`] says.
    pub fn try_publish(&self, payload: P) -> Result<Published, Error> {
        if spans::are_heard() {
            return try_publish(&*self.target, self.trace.as_deref(), self.topic.clone(), payload);
        }
        self.append(event(self.trace.as_deref(), self.topic.clone(), payload))
            .or_else(|event| self.target.try_dispatch_event(event))
    }

    /// Goes the short way, if there is one and that is enough.
    #[inline]
    fn append(&self, event: Event) -> Result<Published, Event> {
        match &self.route {
            Some(route) => route.append(event).map(Published::exact),
            None => Err(event),
        }
    }
}

pub(crate) async fn publish<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Result<Published, Error> {
    if spans::are_heard() {
        return Box::pin(publish_in_span(target, trace, topic, payload)).await;
    }
    dispatch(target, event(trace, topic, payload)).await
}

async fn dispatch(target: &dyn EventTarget, event: Event) -> Result<Published, Error> {
    let published = match target.dispatch_event(event).try_ready() {
        Ok(published) => published,
        Err(waiting) => waiting.await,
    };
    // Afterwards: publishes that are begun one after the other and are under way together stay in that order.
    tokio::task::coop::consume_budget().await;
    published
}

async fn publish_in_span<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Result<Published, Error> {
    let span = spans::publish(&topic);
    let dispatched = span.in_scope(|| target.dispatch_event(event(trace, topic, payload)));
    let published = match dispatched.try_ready() {
        Ok(published) => published,
        Err(waiting) => waiting.instrument(span.clone()).await,
    };
    spans::published(&span, &published);
    // See `dispatch`.
    tokio::task::coop::consume_budget().await;
    published
}

pub(crate) fn try_publish<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Result<Published, Error> {
    if !spans::are_heard() {
        return target.try_dispatch_event(event(trace, topic, payload));
    }
    let span = spans::publish(&topic);
    let published = span.in_scope(|| target.try_dispatch_event(event(trace, topic, payload)));
    spans::published(&span, &published);
    published
}

// Otherwise the topic is copied from place to place, which costs as much as looking up who listens.
#[allow(clippy::inline_always, reason = "see above")]
#[inline(always)]
fn event<P: Payload>(trace: Option<&dyn TraceContext>, topic: Topic, payload: P) -> Event {
    match trace.and_then(TraceContext::current) {
        None => Event::new(topic, payload),
        Some(traceparent) => Event::with_meta(topic, payload, traceparent.into()),
    }
}

impl<P> Clone for Publisher<P> {
    fn clone(&self) -> Self {
        let Self { target, trace, topic, route, payload } = self;
        Self {
            target: target.clone(),
            trace: trace.clone(),
            topic: topic.clone(),
            route: route.clone(),
            payload: *payload,
        }
    }
}

impl<P> fmt::Debug for Publisher<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(&self.topic).finish()
    }
}
