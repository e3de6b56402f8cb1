use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// Keeps the items that `f` accepts.
///
/// - **Completion**: ends when the source ends.
/// - **Cancel safety**: safe; nothing is held between two polls.
/// - **Memory**: none.
///
/// One poll goes on until an item is accepted or the source has none ready.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, filter};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let even: Vec<u32> = stream::iter(1..=6).pipe(filter(|n| n % 2 == 0)).collect().await;
/// assert_eq!(even, [2, 4, 6]);
/// # }
/// ```
pub fn filter<T, F>(f: F) -> Filter<F>
where
    F: FnMut(&T) -> bool,
{
    Filter { f }
}

/// The operator that [`filter`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Filter<F> {
    f: F,
}

impl<S, F> Operator<S> for Filter<F>
where
    S: Stream,
    F: FnMut(&S::Item) -> bool,
{
    type Output = FilterStream<S, F>;

    fn apply(self, stream: S) -> Self::Output {
        FilterStream { source: Source::new(stream), f: self.f }
    }
}

impl<F> fmt::Debug for Filter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream behind [`filter`].
    #[must_use = "streams do nothing unless polled"]
    pub struct FilterStream<S, F> {
        #[pin]
        source: Source<S>,
        f: F,
    }
}

impl<S, F> Stream for FilterStream<S, F>
where
    S: Stream,
    F: FnMut(&S::Item) -> bool,
{
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        loop {
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(item) if (this.f)(&item) => return Poll::Ready(Some(item)),
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    /// The source's upper bound; all items or none may be accepted.
    fn size_hint(&self) -> Hint {
        hint::at_most(self.source.size_hint())
    }
}

impl<S, F> FusedStream for FilterStream<S, F>
where
    S: Stream,
    F: FnMut(&S::Item) -> bool,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FilterStream<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterStream").field("source", &self.source).finish_non_exhaustive()
    }
}
