use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::Hint;
use super::operator::Operator;
use super::source::Source;

/// Leaves out items that are equal to the previous one.
///
/// - **Completion**: ends when the source ends.
/// - **Cancel safety**: safe; the previous item stays in the stream.
/// - **Memory**: a clone of one item.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, dedupe_consecutive};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let states = stream::iter(["idle", "busy", "busy", "idle"]);
/// let changes = states.pipe(dedupe_consecutive());
/// assert_eq!(changes.collect::<Vec<_>>().await, ["idle", "busy", "idle"]);
/// # }
/// ```
pub fn dedupe_consecutive() -> DedupeConsecutive {
    DedupeConsecutive
}

/// The operator that [`dedupe_consecutive`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
#[non_exhaustive]
pub struct DedupeConsecutive;

impl<S> Operator<S> for DedupeConsecutive
where
    S: Stream,
    S::Item: Clone + PartialEq,
{
    type Output = DedupeConsecutiveStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        DedupeConsecutiveStream { source: Source::new(stream), previous: None }
    }
}

pin_project! {
    /// The stream behind [`dedupe_consecutive`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DedupeConsecutiveStream<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        previous: Option<S::Item>,
    }
}

impl<S> Stream for DedupeConsecutiveStream<S>
where
    S: Stream,
    S::Item: Clone + PartialEq,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        while let Some(item) = ready!(this.source.as_mut().poll_next(cx)) {
            if this.previous.as_ref() != Some(&item) {
                *this.previous = Some(item.clone());
                return Poll::Ready(Some(item));
            }
        }
        *this.previous = None;
        Poll::Ready(None)
    }

    /// The source's upper bound; of the items to come only the very first is sure to pass.
    fn size_hint(&self) -> Hint {
        let (lower, upper) = self.source.size_hint();
        (if self.previous.is_none() { lower.min(1) } else { 0 }, upper)
    }
}

impl<S> FusedStream for DedupeConsecutiveStream<S>
where
    S: Stream,
    S::Item: Clone + PartialEq,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for DedupeConsecutiveStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DedupeConsecutiveStream").field("source", &self.source).finish_non_exhaustive()
    }
}
