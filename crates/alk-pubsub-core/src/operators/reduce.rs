use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use super::operator::Operator;
use super::source::Source;

/// A future of what `f` makes of `init` and all items, one after the other.
///
/// - **Completion**: resolves when the source ends; a subscription ends when its target is closed, so put
///   [`take`](fn@super::take) in front where that is too late.
/// - **Cancel safety**: safe to poll in pieces, `(&mut future).await` in a `select!`; what has been
///   accumulated stays in the future. Dropping the future drops it.
/// - **Memory**: the accumulator.
///
/// # Panics
///
/// The future panics when it is polled again after it has resolved.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, reduce};
/// use futures_util::stream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sum = stream::iter([1, 2, 3]).pipe(reduce(10, |sum, n| sum + n)).await;
/// assert_eq!(sum, 16);
/// # }
/// ```
pub fn reduce<T, A, F>(init: A, f: F) -> Reduce<A, F>
where
    F: FnMut(A, T) -> A,
{
    Reduce { init, f }
}

/// The operator that [`reduce`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Reduce<A, F> {
    init: A,
    f: F,
}

impl<S, A, F> Operator<S> for Reduce<A, F>
where
    S: Stream,
    F: FnMut(A, S::Item) -> A,
{
    type Output = ReduceFuture<S, A, F>;

    fn apply(self, stream: S) -> Self::Output {
        ReduceFuture { source: Source::new(stream), accumulated: Some(self.init), f: self.f }
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Reduce<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reduce").field("init", &self.init).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future behind [`reduce`].
    #[must_use = "futures do nothing unless polled or awaited"]
    pub struct ReduceFuture<S, A, F> {
        #[pin]
        source: Source<S>,
        // Gone once the future has resolved.
        accumulated: Option<A>,
        f: F,
    }
}

impl<S, A, F> Future for ReduceFuture<S, A, F>
where
    S: Stream,
    F: FnMut(A, S::Item) -> A,
{
    type Output = A;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A> {
        let mut this = self.project();
        loop {
            let item = ready!(this.source.as_mut().poll_next(cx));
            let accumulated = this.accumulated.take().expect("`ReduceFuture` polled after it had resolved");
            match item {
                Some(item) => *this.accumulated = Some((this.f)(accumulated, item)),
                None => return Poll::Ready(accumulated),
            }
        }
    }
}

impl<S, A, F> FusedFuture for ReduceFuture<S, A, F>
where
    S: Stream,
    F: FnMut(A, S::Item) -> A,
{
    fn is_terminated(&self) -> bool {
        self.accumulated.is_none()
    }
}

impl<S: fmt::Debug, A: fmt::Debug, F> fmt::Debug for ReduceFuture<S, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReduceFuture")
            .field("source", &self.source)
            .field("accumulated", &self.accumulated)
            .finish_non_exhaustive()
    }
}
