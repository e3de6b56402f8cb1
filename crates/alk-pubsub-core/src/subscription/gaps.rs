use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::typed::Subscription;
use crate::envelope::EventEnvelope;
use crate::event::Payload;
use crate::gap::Gap;

/// An item of a subscription [with gaps](Subscription::with_gaps).
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery<P> {
    /// An event.
    Event(EventEnvelope<P>),
    /// Events are missing here.
    Gap(Gap),
}

impl<P> Delivery<P> {
    /// The event, if it is one.
    #[must_use]
    pub fn into_event(self) -> Option<EventEnvelope<P>> {
        match self {
            Delivery::Event(event) => Some(event),
            Delivery::Gap(_) => None,
        }
    }
}

/// A subscription in whose stream gaps can be seen, each at the place of what is missing.
///
/// Gaps of one reason at one place come as one. A gap is never itself left out.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Bounds, Delivery, Dynamic, PubSub};
///
/// let pubsub = PubSub::<Dynamic>::in_process();
/// let mut ticks = pubsub.subscribe("tick").bounds(Bounds::default().events(2)).await?.with_gaps();
/// for n in 0..5 {
///     pubsub.publish("tick", "", n.into()).await?;
/// }
/// let Some(Delivery::Gap(gap)) = ticks.recv().await else { panic!("three events are missing") };
/// assert_eq!(gap.missed(), Some(3));
/// let Some(Delivery::Event(event)) = ticks.recv().await else { panic!("two are there") };
/// assert_eq!(event.payload(), &serde_json::json!(3));
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct WithGaps<P> {
    subscription: Subscription<P>,
    /// An item that was read to see whether it belongs to the gap before it.
    next: Option<Delivery<P>>,
}

impl<P: Payload> WithGaps<P> {
    pub(super) fn new(subscription: Subscription<P>) -> Self {
        Self { subscription, next: None }
    }

    /// The next event or gap; `None` at the end.
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Delivery<P>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    /// The subscription without gaps. One that was read ahead is lost; it was counted.
    pub fn subscription(&self) -> &Subscription<P> {
        &self.subscription
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery<P>>> {
        let first = match self.next.take() {
            Some(item) => Some(item),
            None => std::task::ready!(self.subscription.poll_delivery(cx)),
        };
        let Some(Delivery::Gap(mut gap)) = first else { return Poll::Ready(first) };
        // What follows at the same place and is there already is told together.
        while let Poll::Ready(Some(item)) = self.subscription.try_delivery() {
            match item {
                Delivery::Gap(next) if let Some(merged) = gap.merge(next) => gap = merged,
                item => {
                    self.next = Some(item);
                    break;
                }
            }
        }
        Poll::Ready(Some(Delivery::Gap(gap)))
    }
}

impl<P: Payload> Stream for WithGaps<P> {
    type Item = Delivery<P>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<P> Unpin for WithGaps<P> {}

impl<P> fmt::Debug for WithGaps<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithGaps").field(&self.subscription).finish()
    }
}
