use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// Turns every item into what the future that `f` makes of it resolves to.
///
/// One at a time: the next item is taken when the last future is ready, so the order is kept.
///
/// - **Completion**: ends when the source has ended and the last future is ready.
/// - **Cancel safety**: safe; the future stays in the stream and goes on with the next poll.
/// - **Memory**: one future.
///
/// The stream is `Unpin` when the future is, which that of an `async` block is not: use [`std::pin::pin!`].
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, map_async};
/// use futures_util::StreamExt;
/// use futures_util::stream;
/// use std::pin::pin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut pages = pin!(stream::iter([1, 2]).pipe(map_async(|number| async move {
///     tokio::task::yield_now().await; // loads it from somewhere
///     format!("page {number}")
/// })));
/// assert_eq!(pages.next().await.as_deref(), Some("page 1"));
/// assert_eq!(pages.next().await.as_deref(), Some("page 2"));
/// assert_eq!(pages.next().await, None);
/// # }
/// ```
pub fn map_async<T, F, Fut>(f: F) -> MapAsync<F>
where
    F: FnMut(T) -> Fut,
    Fut: Future,
{
    MapAsync { f }
}

/// The operator that [`map_async`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct MapAsync<F> {
    f: F,
}

impl<S, F, Fut> Operator<S> for MapAsync<F>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
{
    type Output = MapAsyncStream<S, F, Fut>;

    fn apply(self, stream: S) -> Self::Output {
        MapAsyncStream { source: Source::new(stream), f: self.f, running: None }
    }
}

impl<F> fmt::Debug for MapAsync<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsync").finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream behind [`map_async`].
    #[must_use = "streams do nothing unless polled"]
    pub struct MapAsyncStream<S, F, Fut> {
        #[pin]
        source: Source<S>,
        f: F,
        #[pin]
        running: Option<Fut>,
    }
}

impl<S, F, Fut> Stream for MapAsyncStream<S, F, Fut>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
{
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        loop {
            if let Some(running) = this.running.as_mut().as_pin_mut() {
                let output = ready!(running.poll(cx));
                this.running.set(None);
                return Poll::Ready(Some(output));
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(item) => this.running.set(Some((this.f)(item))),
                None => return Poll::Ready(None),
            }
        }
    }

    /// The source's, and one more while a future runs: one in, one out.
    fn size_hint(&self) -> Hint {
        hint::after(usize::from(self.running.is_some()), self.source.size_hint())
    }
}

impl<S, F, Fut> FusedStream for MapAsyncStream<S, F, Fut>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.running.is_none()
    }
}

impl<S: fmt::Debug, F, Fut> fmt::Debug for MapAsyncStream<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsyncStream")
            .field("source", &self.source)
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}
