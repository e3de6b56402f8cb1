use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::Hint;
use super::operator::Operator;
use super::recent::Recent;
use super::source::Source;

/// Leaves out items that are equal to one of the last `capacity` distinct ones; the first of them wins.
///
/// Items are compared by `Eq`, never by their hash alone. An item that is left out counts as seen: of the
/// distinct ones remembered, it is the one not seen for longest that is forgotten when another needs the
/// room, and that passes again if it comes back. See [`dedupe_by`](fn@super::dedupe_by) to compare by a part
/// of the item, and [`dedupe_consecutive`](fn@super::dedupe_consecutive) to compare with the previous one
/// only.
///
/// - **Completion**: ends when the source ends.
/// - **Cancel safety**: safe; what is remembered stays in the stream.
/// - **Memory**: a clone of at most `capacity` items, as they come.
///
/// # Panics
///
/// When `capacity` is zero.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, dedupe};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let letters: String = stream::iter("abacada".chars()).pipe(dedupe(2)).collect().await;
/// assert_eq!(letters, "abcd"); // `a` was seen again before it was forgotten
/// let letters: String = stream::iter("abca".chars()).pipe(dedupe(2)).collect().await;
/// assert_eq!(letters, "abca"); // `b` and `c` were the last two
/// # }
/// ```
#[track_caller]
pub fn dedupe(capacity: usize) -> Dedupe {
    assert!(capacity > 0, "the capacity of a dedupe must be at least 1");
    Dedupe { capacity }
}

/// The operator that [`dedupe`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Dedupe {
    capacity: usize,
}

impl<S> Operator<S> for Dedupe
where
    S: Stream,
    S::Item: Clone + Eq + Hash,
{
    type Output = DedupeStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        DedupeStream { source: Source::new(stream), seen: Recent::new(self.capacity) }
    }
}

pin_project! {
    /// The stream behind [`dedupe`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DedupeStream<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        seen: Recent<S::Item, ()>,
    }
}

impl<S> Stream for DedupeStream<S>
where
    S: Stream,
    S::Item: Clone + Eq + Hash,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        while let Some(item) = ready!(this.source.as_mut().poll_next(cx)) {
            if let Err(absent) = this.seen.touch(&item) {
                this.seen.insert(absent, item.clone(), ());
                return Poll::Ready(Some(item));
            }
        }
        Poll::Ready(None)
    }

    /// The source's upper bound; of the items to come only the very first is sure to pass.
    fn size_hint(&self) -> Hint {
        let (lower, upper) = self.source.size_hint();
        (if self.seen.is_empty() { lower.min(1) } else { 0 }, upper)
    }
}

impl<S> FusedStream for DedupeStream<S>
where
    S: Stream,
    S::Item: Clone + Eq + Hash,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for DedupeStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DedupeStream").field("source", &self.source).finish_non_exhaustive()
    }
}
