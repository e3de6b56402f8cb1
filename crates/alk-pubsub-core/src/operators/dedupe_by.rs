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

/// Leaves out items whose `key` is equal to one of the last `capacity` distinct ones; the first of them wins.
///
/// [`dedupe`](fn@super::dedupe) by a part of the item: keys are compared by `Eq`, one that comes again counts
/// as seen, and the one not seen for longest is forgotten when another needs the room.
///
/// - **Completion**: ends when the source ends.
/// - **Cancel safety**: safe; what is remembered stays in the stream.
/// - **Memory**: at most `capacity` keys, as they come.
///
/// # Panics
///
/// When `capacity` is zero.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, dedupe_by};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let updates = stream::iter([("m1", "draft"), ("m2", "draft"), ("m1", "final")]);
/// let first = updates.pipe(dedupe_by(1000, |(id, _): &(&str, &str)| id.to_string()));
/// assert_eq!(first.collect::<Vec<_>>().await, [("m1", "draft"), ("m2", "draft")]);
/// # }
/// ```
#[track_caller]
pub fn dedupe_by<T, K, F>(capacity: usize, key: F) -> DedupeBy<F>
where
    F: FnMut(&T) -> K,
    K: Eq + Hash,
{
    assert!(capacity > 0, "the capacity of a dedupe must be at least 1");
    DedupeBy { capacity, key }
}

/// The operator that [`dedupe_by`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct DedupeBy<F> {
    capacity: usize,
    key: F,
}

impl<S, K, F> Operator<S> for DedupeBy<F>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Eq + Hash,
{
    type Output = DedupeByStream<S, K, F>;

    fn apply(self, stream: S) -> Self::Output {
        DedupeByStream { source: Source::new(stream), seen: Recent::new(self.capacity), key: self.key }
    }
}

impl<F> fmt::Debug for DedupeBy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DedupeBy").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream behind [`dedupe_by`].
    #[must_use = "streams do nothing unless polled"]
    pub struct DedupeByStream<S, K, F> {
        #[pin]
        source: Source<S>,
        seen: Recent<K, ()>,
        key: F,
    }
}

impl<S, K, F> Stream for DedupeByStream<S, K, F>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Eq + Hash,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        while let Some(item) = ready!(this.source.as_mut().poll_next(cx)) {
            let key = (this.key)(&item);
            if let Err(absent) = this.seen.touch(&key) {
                this.seen.insert(absent, key, ());
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

impl<S, K, F> FusedStream for DedupeByStream<S, K, F>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Eq + Hash,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}

impl<S: fmt::Debug, K, F> fmt::Debug for DedupeByStream<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DedupeByStream").field("source", &self.source).finish_non_exhaustive()
    }
}
