use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::hint::{self, Hint};
use super::operator::Operator;
use super::source::Source;

/// Collects items into `Vec`s: one is given out when it has `size` items, or `max_delay` after the first of
/// them.
///
/// The delay counts from the moment the first item was taken from the source, which is when the stream is
/// polled. An item that is there by the deadline still comes along. A batch is never empty. With a delay of
/// zero it is whatever the source has ready, up to `size`.
///
/// - **Completion**: gives out what it holds when the source ends, then ends.
/// - **Cancel safety**: safe; the items and their deadline stay in the stream. A deadline that passes while
///   nobody polls is honoured by the next poll.
/// - **Memory**: one batch, and one timer.
///
/// # Panics
///
/// When `size` is zero. The stream panics when it has to wait for its deadline outside a tokio runtime with
/// time enabled; while the source always has an item ready it needs none.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, batch};
/// use futures_util::{StreamExt, stream};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // Five items, and then nothing for a long time.
/// let source = stream::iter([1, 2, 3, 4, 5]).chain(stream::pending());
/// let mut batches = source.pipe(batch(3, Duration::from_millis(20)));
/// assert_eq!(batches.next().await, Some(vec![1, 2, 3]));
/// assert_eq!(batches.next().await, Some(vec![4, 5])); // 20 ms later
/// # }
/// ```
#[track_caller]
pub fn batch(size: usize, max_delay: Duration) -> Batch {
    assert!(size > 0, "the size of a batch must be at least 1");
    Batch { size, max_delay }
}

/// The operator that [`batch`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct Batch {
    size: usize,
    max_delay: Duration,
}

impl<S: Stream> Operator<S> for Batch {
    type Output = BatchStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        BatchStream {
            source: Source::new(stream),
            held: Vec::new(),
            deadline: Deadline::default(),
            to_reserve: self.size.min(FIRST_RESERVED),
            size: self.size,
            max_delay: self.max_delay,
        }
    }
}

/// The room made for the first batch; every later one gets as much as the one before it needed.
const FIRST_RESERVED: usize = 64;

/// After so many items in one poll the clock is looked at: a source that is never pending must not put off
/// the deadline.
const LOOK_AT_CLOCK: usize = 256;

pin_project! {
    /// The stream behind [`batch`].
    #[must_use = "streams do nothing unless polled"]
    pub struct BatchStream<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        held: Vec<S::Item>,
        // That of the items held; means nothing while there are none.
        deadline: Deadline,
        to_reserve: usize,
        size: usize,
        max_delay: Duration,
    }
}

impl<S: Stream> Stream for BatchStream<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        loop {
            match this.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    if this.held.is_empty() {
                        this.deadline.set(Instant::now().checked_add(*this.max_delay));
                        this.held.reserve_exact(*this.to_reserve);
                    }
                    this.held.push(item);
                    let held = this.held.len();
                    if held >= *this.size
                        || (held.is_multiple_of(LOOK_AT_CLOCK) && this.deadline.has_passed(Instant::now()))
                    {
                        break;
                    }
                }
                Poll::Ready(None) if this.held.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
                Poll::Pending if this.held.is_empty() => return Poll::Pending,
                Poll::Pending if this.deadline.poll(cx).is_pending() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        *this.to_reserve = this.held.len();
        Poll::Ready(Some(mem::take(this.held)))
    }

    /// No batch holds more than `size` items and none is empty.
    fn size_hint(&self) -> Hint {
        hint::in_parts(hint::after(self.held.len(), self.source.size_hint()), self.size)
    }
}

impl<S: Stream> FusedStream for BatchStream<S> {
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.held.is_empty()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for BatchStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchStream")
            .field("source", &self.source)
            .field("held", &self.held.len())
            .field("size", &self.size)
            .field("max_delay", &self.max_delay)
            .finish_non_exhaustive()
    }
}
