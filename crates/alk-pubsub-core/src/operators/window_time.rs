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

/// Cuts the stream into `Vec`s of what arrived within each `duration`, in order of arrival.
///
/// The first window opens with the first item, and each one closes when the next one opens, whether or not
/// anything arrives; those without an item are skipped. An item that arrives when a window closes belongs to
/// the next one. An item arrives when it is taken from the source, which is when the stream is polled.
///
/// - **Completion**: gives out the window that is open when the source ends, if there is something in it,
///   then ends.
/// - **Cancel safety**: safe; the window stays in the stream. One that closes while nobody polls is given out
///   by the next poll.
/// - **Memory**: one window, and one timer. A window that has [`max_items`](WindowTime::max_items) before its
///   time is given out at once, and the rest of it follows in a `Vec` of its own: nothing is lost.
///
/// # Panics
///
/// When `duration` is zero. The stream panics when it has to wait for the end of a window outside a tokio
/// runtime with time enabled.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, window_time};
/// use futures_util::{StreamExt, stream};
/// use std::time::Duration;
/// use tokio::time::sleep;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // Arrivals after 0, 30, 40 and 500 milliseconds.
/// let pauses = stream::iter([("a", 0), ("b", 30), ("c", 10), ("d", 460)]);
/// let arrivals = pauses.then(|(name, pause)| async move {
///     sleep(Duration::from_millis(pause)).await;
///     name
/// });
/// let windows = arrivals.pipe(window_time(Duration::from_millis(40)));
/// assert_eq!(windows.collect::<Vec<_>>().await, [vec!["a", "b"], vec!["c"], vec!["d"]]);
/// # }
/// ```
#[track_caller]
pub fn window_time(duration: Duration) -> WindowTime {
    assert!(!duration.is_zero(), "the duration of a window must not be zero");
    WindowTime { duration, max_items: WindowTime::DEFAULT_MAX_ITEMS }
}

/// The operator that [`window_time`] makes.
#[derive(Debug, Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct WindowTime {
    duration: Duration,
    max_items: usize,
}

impl WindowTime {
    /// What [`max_items`](Self::max_items) is unless set.
    pub const DEFAULT_MAX_ITEMS: usize = 65_536;

    /// How many items a window holds at most; one that has so many is given out before its time.
    ///
    /// # Panics
    ///
    /// When `max_items` is zero.
    ///
    /// ```
    /// use alk_pubsub_core::operators::{StreamPipe, window_time};
    /// use futures_util::{StreamExt, stream};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let windows = stream::iter([1, 2, 3]).pipe(window_time(Duration::from_secs(1)).max_items(2));
    /// assert_eq!(windows.collect::<Vec<_>>().await, [vec![1, 2], vec![3]]);
    /// # }
    /// ```
    #[track_caller]
    pub fn max_items(self, max_items: usize) -> Self {
        assert!(max_items > 0, "a window must hold at least 1 item");
        Self { max_items, ..self }
    }
}

impl<S: Stream> Operator<S> for WindowTime {
    type Output = WindowTimeStream<S>;

    fn apply(self, stream: S) -> Self::Output {
        WindowTimeStream {
            source: Source::new(stream),
            held: Vec::new(),
            closes: Deadline::default(),
            duration: self.duration,
            max_items: self.max_items,
        }
    }
}

pin_project! {
    /// The stream behind [`window_time`].
    #[must_use = "streams do nothing unless polled"]
    pub struct WindowTimeStream<S>
    where
        S: Stream,
    {
        #[pin]
        source: Source<S>,
        held: Vec<S::Item>,
        // When the window of the items held closes, or, while there are none, some earlier one did.
        closes: Deadline,
        duration: Duration,
        max_items: usize,
    }
}

impl<S: Stream> Stream for WindowTimeStream<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        while this.held.len() < *this.max_items {
            match this.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    let now = Instant::now();
                    let closed = if this.closes.has_passed(now) { mem::take(this.held) } else { Vec::new() };
                    if this.held.is_empty() {
                        this.closes.set(closing_time(now, *this.duration, this.closes.at()));
                    }
                    this.held.push(item);
                    if !closed.is_empty() {
                        return Poll::Ready(Some(closed));
                    }
                }
                Poll::Ready(None) if this.held.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
                Poll::Pending if this.held.is_empty() => return Poll::Pending,
                Poll::Pending if this.closes.poll(cx).is_pending() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Some(mem::take(this.held)))
    }

    /// No window holds more than `max_items` and none is empty.
    fn size_hint(&self) -> Hint {
        hint::in_parts(hint::after(self.held.len(), self.source.size_hint()), self.max_items)
    }
}

/// When the window that is open `now` closes, given when an earlier one did or this one does.
fn closing_time(now: Instant, duration: Duration, known: Option<Instant>) -> Option<Instant> {
    let Some(closed) = known else {
        return now.checked_add(duration);
    };
    if now < closed {
        return known;
    }
    let mut into_window = now - closed;
    if into_window >= duration {
        let nanos = into_window.as_nanos() % duration.as_nanos();
        into_window = Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32);
    }
    now.checked_add(duration - into_window)
}

impl<S: Stream> FusedStream for WindowTimeStream<S> {
    fn is_terminated(&self) -> bool {
        self.source.is_done() && self.held.is_empty()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WindowTimeStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowTimeStream")
            .field("source", &self.source)
            .field("held", &self.held.len())
            .field("duration", &self.duration)
            .field("max_items", &self.max_items)
            .finish_non_exhaustive()
    }
}
