use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// The source and `other` at once: items as they arrive, each side's in its own order.
///
/// Fair: while both have items they take turns, so neither can keep the other waiting.
///
/// - **Completion**: ends when both have ended. Each of the two is dropped when it ends.
/// - **Cancel safety**: safe; nothing is held between two polls.
/// - **Memory**: none.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, join};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let both = stream::iter([1, 2, 3]).pipe(join(stream::iter([10, 20])));
/// assert_eq!(both.collect::<Vec<_>>().await, [1, 10, 2, 20, 3]);
/// # }
/// ```
pub fn join<S2>(other: S2) -> Join<S2>
where
    S2: Stream,
{
    Join { other }
}

/// The operator that [`join`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Join<S2> {
    other: S2,
}

impl<S, S2> Operator<S> for Join<S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    type Output = JoinStream<S, S2>;

    fn apply(self, stream: S) -> Self::Output {
        JoinStream { source: Source::new(stream), other: Source::new(self.other), others_turn: false }
    }
}

pin_project! {
    /// The stream behind [`join`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct JoinStream<S, S2> {
        #[pin]
        source: Source<S>,
        #[pin]
        other: Source<S2>,
        // Whose item was given last is asked last.
        others_turn: bool,
    }
}

impl<S, S2> Stream for JoinStream<S, S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        for _ in 0..2 {
            let asked_other = *this.others_turn;
            let polled = if asked_other {
                this.other.as_mut().poll_next(cx)
            } else {
                this.source.as_mut().poll_next(cx)
            };
            *this.others_turn = !asked_other;
            if let Poll::Ready(Some(item)) = polled {
                return Poll::Ready(Some(item));
            }
        }
        if this.source.is_done() && this.other.is_done() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Both together.
    fn size_hint(&self) -> Hint {
        hint::sum(self.source.size_hint(), self.other.size_hint())
    }
}

impl<S, S2> FusedStream for JoinStream<S, S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.other.is_done()
    }
}
