use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::Hint;
use super::operator::Operator;
use super::source::Source;

/// Turns every item into what `f` makes of it.
///
/// - **Completion**: ends when the source ends.
/// - **Cancel safety**: safe; nothing is held between two polls.
/// - **Memory**: none.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, map};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let lengths: Vec<usize> = stream::iter(["a", "bc", "def"]).pipe(map(str::len)).collect().await;
/// assert_eq!(lengths, [1, 2, 3]);
/// # }
/// ```
pub fn map<T, U, F>(f: F) -> Map<F>
where
    F: FnMut(T) -> U,
{
    Map { f }
}

/// The operator that [`map`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Map<F> {
    f: F,
}

impl<S, U, F> Operator<S> for Map<F>
where
    S: Stream,
    F: FnMut(S::Item) -> U,
{
    type Output = MapStream<S, F>;

    fn apply(self, stream: S) -> Self::Output {
        MapStream { source: Source::new(stream), f: self.f }
    }
}

impl<F> fmt::Debug for Map<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream behind [`map`].
    #[must_use = "streams do nothing unless polled"]
    pub struct MapStream<S, F> {
        #[pin]
        source: Source<S>,
        f: F,
    }
}

impl<S, U, F> Stream for MapStream<S, F>
where
    S: Stream,
    F: FnMut(S::Item) -> U,
{
    type Item = U;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<U>> {
        let this = self.project();
        this.source.poll_next(cx).map(|item| item.map(this.f))
    }

    /// The source's: one in, one out.
    fn size_hint(&self) -> Hint {
        self.source.size_hint()
    }
}

impl<S, U, F> FusedStream for MapStream<S, F>
where
    S: Stream,
    F: FnMut(S::Item) -> U,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapStream<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapStream").field("source", &self.source).finish_non_exhaustive()
    }
}
