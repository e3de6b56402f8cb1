use futures_core::Stream;

use super::operator::Operator;

/// Gives every stream the one method [`pipe`](Self::pipe).
///
/// One method, and one that `futures::StreamExt` and `tokio_stream::StreamExt` do not have, so that all of
/// them can be in scope together.
///
/// ```
/// use alk_pubsub_core::operators::{StreamPipe, filter, map, take};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let labels: Vec<String> = stream::iter(1..)
///     .pipe(filter(|n| n % 3 == 0))
///     .map(|n| n * 10) // this one is StreamExt's
///     .pipe((take(2), map(|n| format!("#{n}"))))
///     .collect()
///     .await;
/// assert_eq!(labels, ["#30", "#60"]);
/// # }
/// ```
pub trait StreamPipe: Stream {
    /// Puts `operator`, or a tuple of operators, onto this stream.
    ///
    /// Static dispatch, no allocation, nothing is polled. The stream moves into the result; to have it back
    /// after a part of it, pipe a `&mut` of it: `(&mut stream).pipe(take(3))`.
    fn pipe<O>(self, operator: O) -> O::Output
    where
        Self: Sized,
        O: Operator<Self>,
    {
        operator.apply(self)
    }
}

impl<S: Stream + ?Sized> StreamPipe for S {}

/// Puts `operators` onto `stream`, left to right; the function form of [`StreamPipe::pipe`].
///
/// `pipe(stream, (a, b, c))` is `stream.pipe(a).pipe(b).pipe(c)`: static dispatch, no allocation, nothing is
/// polled. For more than twelve operators put tuples into the tuple.
///
/// ```
/// use alk_pubsub_core::operators::{filter, map, pipe, to_array};
/// use futures_util::stream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let even = (filter(|n| n % 2 == 0), map(|n| n * n));
/// let squares = pipe(stream::iter(1..=6), (even, to_array())).await;
/// assert_eq!(squares, [4, 16, 36]);
/// # }
/// ```
pub fn pipe<S, O>(stream: S, operators: O) -> O::Output
where
    S: Stream,
    O: Operator<S>,
{
    operators.apply(stream)
}
