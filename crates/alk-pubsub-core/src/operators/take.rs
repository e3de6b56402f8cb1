use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::Hint;
use super::operator::Operator;
use super::source::Source;

/// The first `n` items.
///
/// - **Completion**: ends with the `n`-th item, and lets go of the source in the moment that item is taken,
///   not with the poll after it: a subscription is unsubscribed then. `take(0)` lets go of it at once and
///   never polls it. Ends when the source ends, if that comes first.
/// - **Cancel safety**: safe; nothing is held between two polls.
/// - **Memory**: none.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, take};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(stream::repeat("again").pipe(take(2)).collect::<Vec<_>>().await, ["again", "again"]);
/// # }
/// ```
pub fn take(n: usize) -> Take {
    Take { n }
}

/// The operator that [`take`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Take {
    n: usize,
}

impl<S: Stream> Operator<S> for Take {
    type Output = TakeStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        let source = if self.n == 0 { Source::done() } else { Source::new(stream) };
        TakeStream { source, remaining: self.n }
    }
}

pin_project! {
    /// The stream behind [`take`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct TakeStream<S> {
        #[pin]
        source: Source<S>,
        remaining: usize,
    }
}

impl<S: Stream> Stream for TakeStream<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let item = ready!(this.source.as_mut().poll_next(cx));
        if item.is_some() {
            *this.remaining -= 1;
            if *this.remaining == 0 {
                this.source.release();
            }
        }
        Poll::Ready(item)
    }

    /// The source's, but never more than are still to be taken.
    fn size_hint(&self) -> Hint {
        let (lower, upper) = self.source.size_hint();
        let at_most = upper.map_or(self.remaining, |upper| upper.min(self.remaining));
        (lower.min(self.remaining), Some(at_most))
    }
}

impl<S: Stream> FusedStream for TakeStream<S> {
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}
