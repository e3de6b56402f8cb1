use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// The source to its end, then `second` to its.
///
/// `second` is not polled before; a subscription collects from the beginning all the same.
///
/// - **Completion**: ends when `second` ends. Each of the two is dropped when it ends.
/// - **Cancel safety**: safe; nothing is held between two polls.
/// - **Memory**: none.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, chain};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let stored = stream::iter(["one", "two"]);
/// let live = stream::iter(["three"]);
/// assert_eq!(stored.pipe(chain(live)).collect::<Vec<_>>().await, ["one", "two", "three"]);
/// # }
/// ```
pub fn chain<S2>(second: S2) -> Chain<S2>
where
    S2: Stream,
{
    Chain { second }
}

/// The operator that [`chain`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Chain<S2> {
    second: S2,
}

impl<S, S2> Operator<S> for Chain<S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    type Output = ChainStream<S, S2>;

    fn apply(self, stream: S) -> Self::Output {
        ChainStream { first: Source::new(stream), second: Source::new(self.second) }
    }
}

pin_project! {
    /// The stream behind [`chain`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ChainStream<S, S2> {
        #[pin]
        first: Source<S>,
        #[pin]
        second: Source<S2>,
    }
}

impl<S, S2> Stream for ChainStream<S, S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        match ready!(this.first.poll_next(cx)) {
            None => this.second.poll_next(cx),
            item => Poll::Ready(item),
        }
    }

    /// Both together.
    fn size_hint(&self) -> Hint {
        hint::sum(self.first.size_hint(), self.second.size_hint())
    }
}

impl<S, S2> FusedStream for ChainStream<S, S2>
where
    S: Stream,
    S2: Stream<Item = S::Item>,
{
    fn is_terminated(&self) -> bool {
        self.first.is_done() && self.second.is_done()
    }
}
