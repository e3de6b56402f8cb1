use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedFuture, Stream};
use pin_project_lite::pin_project;

use super::operator::Operator;
use super::source::Source;

/// A future of all items, in order, as a `Vec`.
///
/// - **Completion**: resolves when the source ends; a subscription ends when its target is closed, so put
///   [`take`](fn@super::take) in front where that is too late.
/// - **Cancel safety**: safe to poll in pieces, `(&mut future).await` in a `select!`; what has been collected
///   stays in the future. Dropping the future drops it.
/// - **Memory**: all items; this is the one operator whose memory only the source limits, or a `take` in
///   front.
///
/// # Panics
///
/// The future panics when it is polled again after it has resolved.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, take, to_array};
/// use futures_util::stream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(stream::iter('a'..).pipe((take(3), to_array())).await, ['a', 'b', 'c']);
/// # }
/// ```
pub fn to_array() -> ToArray {
    ToArray
}

/// The operator that [`to_array`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
#[non_exhaustive]
pub struct ToArray;

impl<S: Stream> Operator<S> for ToArray {
    type Output = ToArrayFuture<S>;

    fn apply(self, stream: S) -> Self::Output {
        ToArrayFuture { source: Source::new(stream), items: Some(Vec::new()) }
    }
}

/// How much is reserved on the word of a size hint alone.
const MAX_RESERVED: usize = 1024;

pin_project! {
    /// The future behind [`to_array`].
    #[must_use = "futures do nothing unless polled or awaited"]
    pub struct ToArrayFuture<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        // Gone once the future has resolved.
        items: Option<Vec<S::Item>>,
    }
}

impl<S: Stream> Future for ToArrayFuture<S> {
    type Output = Vec<S::Item>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<S::Item>> {
        let mut this = self.project();
        let items = this.items.as_mut().expect("`ToArrayFuture` polled after it had resolved");
        while let Some(item) = ready!(this.source.as_mut().poll_next(cx)) {
            if items.len() == items.capacity() {
                let (expected, _) = this.source.size_hint();
                items.reserve(expected.clamp(1, MAX_RESERVED));
            }
            items.push(item);
        }
        Poll::Ready(this.items.take().unwrap_or_default())
    }
}

impl<S: Stream> FusedFuture for ToArrayFuture<S> {
    fn is_terminated(&self) -> bool {
        self.items.is_none()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for ToArrayFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToArrayFuture")
            .field("source", &self.source)
            .field("collected", &self.items.as_ref().map(Vec::len))
            .finish()
    }
}
