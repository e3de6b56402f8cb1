use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// Takes items that are iterables apart: what is in them, one by one.
///
/// - **Completion**: ends when the source has ended and its last iterable is used up.
/// - **Cancel safety**: safe; the iterable in hand stays in the stream.
/// - **Memory**: one iterable.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, flat};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let batches = stream::iter([vec![1, 2], vec![], vec![3]]);
/// assert_eq!(batches.pipe(flat()).collect::<Vec<_>>().await, [1, 2, 3]);
/// # }
/// ```
pub fn flat() -> Flat {
    Flat
}

/// The operator that [`flat`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
#[non_exhaustive]
pub struct Flat;

impl<S> Operator<S> for Flat
where
    S: Stream,
    S::Item: IntoIterator,
{
    type Output = FlatStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        FlatStream { source: Source::new(stream), in_hand: None }
    }
}

pin_project! {
    /// The stream behind [`flat`].
    #[must_use = "streams do nothing unless polled"]
    pub struct FlatStream<S>
    where
        S: Stream,
        S::Item: IntoIterator,
    {
        #[pin]
        source: Source<S>,
        in_hand: Option<<S::Item as IntoIterator>::IntoIter>,
    }
}

impl<S> Stream for FlatStream<S>
where
    S: Stream,
    S::Item: IntoIterator,
{
    type Item = <S::Item as IntoIterator>::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(iter) = this.in_hand {
                if let Some(item) = iter.next() {
                    return Poll::Ready(Some(item));
                }
                *this.in_hand = None;
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(iterable) => *this.in_hand = Some(iterable.into_iter()),
                None => return Poll::Ready(None),
            }
        }
    }

    /// That of the iterable in hand; those to come may be empty, and have no limit.
    fn size_hint(&self) -> Hint {
        let in_hand = self.in_hand.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        let to_come = match self.source.size_hint() {
            (_, Some(0)) => (0, Some(0)),
            _ => (0, None),
        };
        hint::sum(in_hand, to_come)
    }
}

impl<S> FusedStream for FlatStream<S>
where
    S: Stream,
    S::Item: IntoIterator,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.in_hand.is_none()
    }
}

impl<S> fmt::Debug for FlatStream<S>
where
    S: Stream + fmt::Debug,
    S::Item: IntoIterator,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatStream")
            .field("source", &self.source)
            .field("in_hand", &self.in_hand.is_some())
            .finish()
    }
}
