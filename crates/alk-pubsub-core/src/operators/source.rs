use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

pin_project! {
    /// The stream that an operator reads from, for as long as there is something to read.
    ///
    /// It is dropped in the moment it ends or is [released](Source::release): a subscription is given back no
    /// later than that, and a source that is not fused itself is never polled again.
    pub(super) struct Source<S> {
        #[pin]
        stream: Option<S>,
    }
}

impl<S> Source<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Some(stream) }
    }

    /// A source with nothing in it.
    pub(super) fn done() -> Self {
        Self { stream: None }
    }

    /// Whether the stream has ended or been released.
    pub(super) fn is_done(&self) -> bool {
        self.stream.is_none()
    }

    /// Drops the stream.
    pub(super) fn release(self: Pin<&mut Self>) {
        self.project().stream.set(None);
    }
}

impl<S: Stream> Stream for Source<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let item = ready!(stream.poll_next(cx));
        if item.is_none() {
            this.stream.set(None);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}

impl<S: fmt::Debug> fmt::Debug for Source<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stream {
            Some(stream) => stream.fmt(f),
            None => f.write_str("(done)"),
        }
    }
}
