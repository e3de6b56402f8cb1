use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use super::hint::Hint;
use super::operator::Operator;
use super::source::Source;

/// Windows of `size` items, one beginning every `step` items, as `Vec`s.
///
/// With `step == size` they tumble: each item is in exactly one. With a smaller step they slide, and an item
/// that is in several of them is cloned. With a larger step what lies between two windows is left out.
///
/// - **Completion**: when the source ends, what there is of the next window is given out too, if it has an
///   item that no window had before; so with `step <= size` each item is in a window. Then ends.
/// - **Cancel safety**: safe; the window stays in the stream.
/// - **Memory**: one window.
///
/// # Panics
///
/// When `size` or `step` is zero.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, window};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sliding: Vec<_> = stream::iter(1..=4).pipe(window(3, 1)).collect().await;
/// assert_eq!(sliding, [[1, 2, 3], [2, 3, 4]]);
/// let tumbling: Vec<_> = stream::iter(1..=4).pipe(window(3, 3)).collect().await;
/// assert_eq!(tumbling, [vec![1, 2, 3], vec![4]]);
/// # }
/// ```
#[track_caller]
pub fn window(size: usize, step: usize) -> Window {
    assert!(size > 0, "the size of a window must be at least 1");
    assert!(step > 0, "the step of a window must be at least 1");
    Window { size, step }
}

/// The operator that [`window`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Window {
    size: usize,
    step: usize,
}

impl<S> Operator<S> for Window
where
    S: Stream,
    S::Item: Clone,
{
    type Output = WindowStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        let Self { size, step } = self;
        WindowStream { source: Source::new(stream), held: Vec::new(), fresh: 0, to_skip: 0, size, step }
    }
}

pin_project! {
    /// The stream behind [`window`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WindowStream<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        // The beginning of the next window, never all of it.
        held: Vec<S::Item>,
        // How many of those held, the last ones, have been in no window yet.
        fresh: usize,
        // How many items lie between here and the next window.
        to_skip: usize,
        size: usize,
        step: usize,
    }
}

impl<S> Stream for WindowStream<S>
where
    S: Stream,
    S::Item: Clone,
{
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        while let Some(item) = ready!(this.source.as_mut().poll_next(cx)) {
            if *this.to_skip > 0 {
                *this.to_skip -= 1;
                continue;
            }
            this.held.push(item);
            *this.fresh += 1;
            if this.held.len() >= *this.size {
                let mut next = Vec::with_capacity(*this.size);
                next.extend_from_slice(this.held.get(*this.step..).unwrap_or_default());
                *this.fresh = 0;
                *this.to_skip = this.step.saturating_sub(*this.size);
                return Poll::Ready(Some(mem::replace(this.held, next)));
            }
        }
        let last = mem::take(this.held);
        Poll::Ready((mem::take(this.fresh) > 0).then_some(last))
    }

    /// As many windows as can begin in what is held and what is to come.
    fn size_hint(&self) -> Hint {
        let (lower, upper) = self.source.size_hint();
        (self.windows_of(lower), upper.map(|upper| self.windows_of(upper)))
    }
}

impl<S: Stream> WindowStream<S> {
    /// How many windows there will be if `coming` more items come.
    fn windows_of(&self, coming: usize) -> usize {
        let coming = coming.saturating_sub(self.to_skip);
        if self.fresh == 0 && coming == 0 {
            return 0;
        }
        // The last window is the first that reaches the end, provided that it begins before it.
        let total = self.held.len().saturating_add(coming);
        let before_last = total.saturating_sub(self.size).div_ceil(self.step);
        before_last + usize::from(before_last.saturating_mul(self.step) < total)
    }
}

impl<S> FusedStream for WindowStream<S>
where
    S: Stream,
    S::Item: Clone,
{
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.fresh == 0
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WindowStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowStream")
            .field("source", &self.source)
            .field("held", &self.held.len())
            .field("size", &self.size)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}
