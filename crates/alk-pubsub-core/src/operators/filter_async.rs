use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// Keeps the items for which the future that `f` makes resolves to `true`.
///
/// One at a time: the next item is taken when the last one is decided, so the order is kept. The future may
/// not borrow the item; clone into it what it needs.
///
/// - **Completion**: ends when the source has ended and its last item is decided.
/// - **Cancel safety**: safe; the item and its future stay in the stream, and the future goes on with the
///   next poll.
/// - **Memory**: one item and one future.
///
/// The stream is `Unpin` when the future is, which that of an `async` block is not: use [`std::pin::pin!`].
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, filter_async};
/// use futures_util::{StreamExt, stream};
///
/// async fn may_read(user: String) -> bool {
///     tokio::task::yield_now().await; // asks somebody
///     user != "mallory"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let users = stream::iter(["alice", "mallory", "bob"]);
/// let readers = users.pipe(filter_async(|user: &&str| may_read(user.to_string())));
/// assert_eq!(readers.collect::<Vec<_>>().await, ["alice", "bob"]);
/// # }
/// ```
pub fn filter_async<T, F, Fut>(f: F) -> FilterAsync<F>
where
    F: FnMut(&T) -> Fut,
    Fut: Future<Output = bool>,
{
    FilterAsync { f }
}

/// The operator that [`filter_async`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct FilterAsync<F> {
    f: F,
}

impl<S, F, Fut> Operator<S> for FilterAsync<F>
where
    S: Stream,
    F: FnMut(&S::Item) -> Fut,
    Fut: Future<Output = bool>,
{
    type Output = FilterAsyncStream<S, F, Fut>;

    fn apply(self, stream: S) -> Self::Output {
        FilterAsyncStream { source: Source::new(stream), f: self.f, item: None, decision: None }
    }
}

impl<F> fmt::Debug for FilterAsync<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterAsync").finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream behind [`filter_async`].
    #[must_use = "streams do nothing unless polled"]
    pub struct FilterAsyncStream<S, F, Fut>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        f: F,
        // The item that `decision` is about: both are there or neither.
        item: Option<S::Item>,
        #[pin]
        decision: Option<Fut>,
    }
}

impl<S, F, Fut> Stream for FilterAsyncStream<S, F, Fut>
where
    S: Stream,
    F: FnMut(&S::Item) -> Fut,
    Fut: Future<Output = bool>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            if let Some(decision) = this.decision.as_mut().as_pin_mut() {
                let accepted = ready!(decision.poll(cx));
                this.decision.set(None);
                let item = this.item.take();
                if accepted {
                    return Poll::Ready(item);
                }
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(item) => {
                    this.decision.set(Some((this.f)(&item)));
                    *this.item = Some(item);
                }
                None => return Poll::Ready(None),
            }
        }
    }

    /// The source's upper bound and the item in hand; all of them or none may be accepted.
    fn size_hint(&self) -> Hint {
        hint::at_most(hint::after(usize::from(self.item.is_some()), self.source.size_hint()))
    }
}

impl<S, F, Fut> FusedStream for FilterAsyncStream<S, F, Fut>
where
    S: Stream,
    F: FnMut(&S::Item) -> Fut,
    Fut: Future<Output = bool>,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.item.is_none()
    }
}

impl<S, F, Fut> fmt::Debug for FilterAsyncStream<S, F, Fut>
where
    S: Stream + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterAsyncStream")
            .field("source", &self.source)
            .field("deciding", &self.item.is_some())
            .finish_non_exhaustive()
    }
}
