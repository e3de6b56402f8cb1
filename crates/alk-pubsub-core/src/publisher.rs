//! Publishing: of one event after the other, or again and again on one topic.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tracing::Instrument;

use crate::error::Error;
use crate::event::{Event, Payload};
use crate::meta::TraceContext;
use crate::name::Topic;
use crate::router::Route;
use crate::spans;
use crate::target::{EventTarget, Published, TargetFuture};

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

/// The future of [`PubSub::publish`](crate::PubSub::publish) and of [`Publisher::publish`].
///
/// The call has given the event its place in the order already; this waits until the transport has taken it.
///
/// Part of Tokio's [cooperative budget](tokio::task::coop): a task that publishes without end lets others run from time to
/// time, among them those that carry its events further.
///
/// Cancel safe in this sense: dropped before it resolved, the event is or is not published; where it was ready at once, it is.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, PubSub};
///
/// let pubsub = PubSub::<Dynamic>::in_process();
/// let mut ticks = pubsub.subscribe("tick").await?;
/// let (one, two) = (pubsub.publish("tick", "1", 1.into()), pubsub.publish("tick", "2", 2.into()));
/// two.await?; // the order is that of the calls
/// one.await?;
/// assert_eq!(ticks.recv().await.expect("open").id(), "1");
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[must_use = "whether the transport has taken the event is known when this was awaited"]
pub struct Publishing(TargetFuture<Result<Published, Error>>);

impl Publishing {
    pub(crate) fn failed(error: Error) -> Self {
        Self(TargetFuture::ready(Err(error)))
    }
}

impl Future for Publishing {
    type Output = Result<Published, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let published = ready!(Pin::new(&mut self.0).poll(cx));
        coop.made_progress();
        Poll::Ready(published)
    }
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

    /// Publishes an event. The future waits until the transport has taken it. Nobody listening is success.
    ///
    /// # Errors
    ///
    /// What [`EventTarget::dispatch_event`] says.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it resolved, the event is or is not published.
    #[inline]
    pub fn publish(&self, payload: P) -> Publishing {
        let trace = self.trace.as_deref();
        if spans::are_heard() {
            return publish_in_span(&*self.target, trace, self.topic.clone(), payload);
        }
        Publishing(match self.append(event(trace, || self.topic.clone(), payload)) {
            Ok(published) => TargetFuture::ready(Ok(published)),
            Err(event) => self.target.dispatch_event(event),
        })
    }

    /// Publishes an event without waiting for anything.
    ///
    /// # Errors
    ///
    /// What [`EventTarget::try_dispatch_event`] says.
    pub fn try_publish(&self, payload: P) -> Result<Published, Error> {
        let trace = self.trace.as_deref();
        if spans::are_heard() {
            return try_publish(&*self.target, trace, self.topic.clone(), payload);
        }
        self.append(event(trace, || self.topic.clone(), payload))
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

pub(crate) fn publish<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Publishing {
    if spans::are_heard() {
        return publish_in_span(target, trace, topic, payload);
    }
    Publishing(target.dispatch_event(event(trace, || topic, payload)))
}

#[cold]
fn publish_in_span<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Publishing {
    let span = spans::publish(&topic);
    let dispatched = span.in_scope(|| target.dispatch_event(event(trace, || topic, payload)));
    Publishing(match dispatched.try_ready() {
        Ok(published) => {
            spans::published(&span, &published);
            TargetFuture::ready(published)
        }
        Err(waiting) => TargetFuture::boxed(async move {
            let published = waiting.instrument(span.clone()).await;
            spans::published(&span, &published);
            published
        }),
    })
}

pub(crate) fn try_publish<P: Payload>(
    target: &dyn EventTarget,
    trace: Option<&dyn TraceContext>,
    topic: Topic,
    payload: P,
) -> Result<Published, Error> {
    if !spans::are_heard() {
        return target.try_dispatch_event(event(trace, || topic, payload));
    }
    let span = spans::publish(&topic);
    let published = span.in_scope(|| target.try_dispatch_event(event(trace, || topic, payload)));
    spans::published(&span, &published);
    published
}

/// The topic is asked for at last, and all of it is in line: otherwise it is copied from place to place, which costs as much as
/// looking up who listens.
#[allow(clippy::inline_always, reason = "see above")]
#[inline(always)]
fn event<P: Payload>(trace: Option<&dyn TraceContext>, topic: impl FnOnce() -> Topic, payload: P) -> Event {
    match trace.and_then(TraceContext::current) {
        None => Event::new(topic(), payload),
        Some(traceparent) => Event::with_meta(topic(), payload, traceparent.into()),
    }
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publishing").field(&self.0).finish()
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
