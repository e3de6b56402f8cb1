use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::gaps::{Delivery, WithGaps};
use super::receive::{Recv, RecvMany, TryRecvError};
use crate::envelope::EventEnvelope;
use crate::error::Error;
use crate::event::{Event, Payload};
use crate::gap::{Gap, GapReason};
use crate::name::Interest;
use crate::router::{Item, RawSubscription};

/// The events of one interest, decoded: a [`Stream`] of [`EventEnvelope`]s.
///
/// Active from the moment `subscribe` returned it: events wait here until they are received, up to the
/// [`Bounds`](crate::Bounds) that it was made with. What it missed is counted by [`missed`](Self::missed), and
/// [`with_gaps`](Self::with_gaps) shows it in the stream. It ends when the target is
/// closed or ends for good, see [`ended_by`](Self::ended_by).
///
/// Dropping it unsubscribes, at once, from anywhere: outside of a runtime, while unwinding, at the end of the process.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, PubSub};
///
/// let pubsub = PubSub::<Dynamic>::in_process();
/// let mut ticks = pubsub.subscribe("tick").await?;
/// pubsub.publish("tick", "a", 1.into()).await?;
/// pubsub.close().await?;
///
/// let tick = ticks.recv().await.expect("published before the close");
/// assert_eq!((tick.id(), tick.payload()), ("a", &serde_json::json!(1)));
/// assert!(ticks.recv().await.is_none());
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription<P> {
    raw: RawSubscription,
    payload: PhantomData<fn() -> P>,
}

impl<P: Payload> Subscription<P> {
    /// The next event; `None` when it has ended and everything was handed out, see [`ended_by`](Self::ended_by).
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub fn recv(&mut self) -> Recv<'_, P> {
        Recv(self)
    }

    /// The next event, if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if there is none now, [`TryRecvError::Closed`] if there never will be.
    pub fn try_recv(&mut self) -> Result<EventEnvelope<P>, TryRecvError> {
        loop {
            match self.raw.try_next() {
                Poll::Ready(Some(item)) => {
                    if let Delivery::Event(event) = self.decode(item) {
                        return Ok(event);
                    }
                }
                Poll::Ready(None) => return Err(TryRecvError::Closed),
                Poll::Pending if self.raw.is_ended() => return Err(TryRecvError::Closed),
                Poll::Pending => return Err(TryRecvError::Empty),
            }
        }
    }

    /// Waits for an event and then takes all there are, at most `limit`, into `events`. Resolves to their number, which is
    /// zero only at the end or if `limit` is.
    ///
    /// Cancel safe: nothing is taken before it is ready.
    pub fn recv_many<'a>(
        &'a mut self,
        events: &'a mut Vec<EventEnvelope<P>>,
        limit: usize,
    ) -> RecvMany<'a, P> {
        RecvMany { subscription: self, events, limit }
    }

    /// The same subscription as a stream in which what was missed can be seen.
    pub fn with_gaps(self) -> WithGaps<P> {
        WithGaps::new(self)
    }

    /// How many events were missed so far, as far as that is known: those that overflowed, those that could not be
    /// decoded, those that the transport knows it lost.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.raw.missed()
    }

    /// Why it ends, if that is nobody's wish here; `None` after an ordinary close, and while it goes on.
    ///
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) for example, if the permission was taken away, or
    /// [`ErrorKind::Disconnected`](crate::ErrorKind::Disconnected) if the connection is lost for good. Known as soon as that has
    /// happened, which may be before everything was handed out.
    #[must_use]
    pub fn ended_by(&self) -> Option<Error> {
        self.raw.ended_by()
    }

    /// What it listens to.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        self.raw.interest()
    }

    /// How many events wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether no event waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub(super) fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery<P>>> {
        let item = ready!(self.raw.poll_next(cx));
        Poll::Ready(item.map(|item| self.decode(item)))
    }

    #[inline]
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<EventEnvelope<P>>> {
        loop {
            match ready!(self.raw.poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Item::Gap(_)) => {}
                Some(Item::Event(event)) => {
                    if let Delivery::Event(event) = self.decode_event(event) {
                        return Poll::Ready(Some(event));
                    }
                }
            }
        }
    }

    pub(super) fn try_delivery(&mut self) -> Poll<Option<Delivery<P>>> {
        self.raw.try_next().map(|item| item.map(|item| self.decode(item)))
    }

    fn decode(&mut self, item: Item) -> Delivery<P> {
        match item {
            Item::Gap(gap) => Delivery::Gap(gap),
            Item::Event(event) => self.decode_event(event),
        }
    }

    #[inline]
    fn decode_event(&mut self, event: Event) -> Delivery<P> {
        match event.into_envelope() {
            Ok(event) => {
                if self.raw.undecodable() > 0 {
                    self.decodable_again();
                }
                Delivery::Event(event)
            }
            Err(error) => Delivery::Gap(self.undecodable(&error)),
        }
    }

    #[cold]
    fn decodable_again(&mut self) {
        tracing::warn!(interest = %self.interest(), events = self.raw.undecodable(), "undecodable events have ended");
        self.raw.set_undecodable(0);
    }

    #[cold]
    fn undecodable(&mut self, error: &Error) -> Gap {
        let gap = Gap::new(GapReason::Undecodable, Some(1));
        self.raw.count(gap);
        let before = self.raw.undecodable();
        if before == 0 {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(interest = %self.interest(), %error, cause, "an event cannot be decoded");
        }
        self.raw.set_undecodable(before + 1);
        gap
    }
}

/// Decodes what a raw subscription brings.
impl<P: Payload> From<RawSubscription> for Subscription<P> {
    fn from(raw: RawSubscription) -> Self {
        Self { raw, payload: PhantomData }
    }
}

impl<P: Payload> Stream for Subscription<P> {
    type Item = EventEnvelope<P>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }

    // Events that wait may turn out to be gaps, so there is no lower bound.
}

impl<P> Unpin for Subscription<P> {}

impl<P> fmt::Debug for Subscription<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.raw).finish()
    }
}
