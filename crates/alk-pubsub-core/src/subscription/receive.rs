use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::typed::Subscription;
use crate::envelope::EventEnvelope;
use crate::event::Payload;

/// The future of [`Subscription::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Recv<'a, P>(pub(super) &'a mut Subscription<P>);

impl<P: Payload> Future for Recv<'_, P> {
    type Output = Option<EventEnvelope<P>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_event(cx)
    }
}

/// The future of [`Subscription::recv_many`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvMany<'a, P> {
    pub(super) subscription: &'a mut Subscription<P>,
    pub(super) events: &'a mut Vec<EventEnvelope<P>>,
    pub(super) limit: usize,
}

impl<P: Payload> Future for RecvMany<'_, P> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let Self { subscription, events, limit } = &mut *self;
        if *limit == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(subscription.poll_event(cx)) else { return Poll::Ready(0) };
        events.push(first);
        let mut taken = 1;
        while taken < *limit
            && let Ok(event) = subscription.try_recv()
        {
            events.push(event);
            taken += 1;
        }
        Poll::Ready(taken)
    }
}

impl<P> fmt::Debug for RecvMany<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Why [`Subscription::try_recv`] has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// There is none now.
    Empty,
    /// There will be none: the subscription has ended.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "no event waits",
            TryRecvError::Closed => "the subscription has ended",
        })
    }
}

impl std::error::Error for TryRecvError {}
