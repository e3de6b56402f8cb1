//! The thirteen operators: values that are piped onto any [`Stream`](futures_core::Stream).
//!
//! An operator is made by a function, [`filter`](fn@filter) or [`batch`](fn@batch), and does nothing by
//! itself. [`StreamPipe::pipe`] puts it onto a stream, [`pipe`](fn@pipe) puts several in one go, and several
//! in a tuple are again one operator:
//!
//! ```
//! use alk_pubsub_core::operators::{Operator, StreamPipe, filter, map, take};
//! use futures_util::{Stream, StreamExt, stream};
//!
//! /// A chain with a name, for whichever stream of numbers.
//! fn first_odd_squares<S>(n: usize) -> impl Operator<S, Output: Stream<Item = u64> + Unpin> + Clone
//! where
//!     S: Stream<Item = u64> + Unpin,
//! {
//!     (filter(|n| n % 2 == 1), map(|n| n * n), take(n))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let squares: Vec<u64> = stream::iter(1..).pipe(first_odd_squares(3)).collect().await;
//! assert_eq!(squares, [1, 9, 25]);
//! # }
//! ```
//!
//! What they have in common:
//!
//! - **Lazy.** Nothing happens until the result is polled. (A subscription underneath collects from the
//!   beginning.)
//! - **Dropping is unsubscribing.** Dropping the result drops its source. A source that has ended is dropped
//!   there and then.
//! - **Cancel safe.** What has been taken from the source is kept in the operator, never in the future of one
//!   `next()`.
//! - **Bounded.** What an operator remembers has a limit, which its documentation states;
//!   [`to_array`](fn@to_array) alone has none of its own.
//! - **Fused**, whatever the source: after its `None` a stream gives nothing but `None` and does not poll the
//!   source again.
//! - **No runtime** is needed, except for the tokio timer of [`batch`](fn@batch) and
//!   [`window_time`](fn@window_time) while they wait.
//!
//! Closures are read before it is known what they are piped onto. One that calls methods of the item or reads
//! its fields therefore names its type, `|status: &Status| status.is_busy()`; operators, patterns of tuples
//! and paths of functions do without.

mod batch;
mod chain;
mod deadline;
mod dedupe;
mod dedupe_by;
mod dedupe_consecutive;
mod filter;
mod filter_async;
mod flat;
mod group_by;
mod hint;
mod join;
mod map;
mod map_async;
mod operator;
mod pipe;
mod recent;
mod reduce;
mod source;
mod take;
mod to_array;
mod window;
mod window_time;

pub use batch::{Batch, BatchStream, batch};
pub use chain::{Chain, ChainStream, chain};
pub use dedupe::{Dedupe, DedupeStream, dedupe};
pub use dedupe_by::{DedupeBy, DedupeByStream, dedupe_by};
pub use dedupe_consecutive::{DedupeConsecutive, DedupeConsecutiveStream, dedupe_consecutive};
pub use filter::{Filter, FilterStream, filter};
pub use filter_async::{FilterAsync, FilterAsyncStream, filter_async};
pub use flat::{Flat, FlatStream, flat};
pub use group_by::{Group, GroupBy, GroupByStream, GroupLimits, group_by};
pub use join::{Join, JoinStream, join};
pub use map::{Map, MapStream, map};
pub use map_async::{MapAsync, MapAsyncStream, map_async};
pub use operator::Operator;
pub use pipe::{StreamPipe, pipe};
pub use reduce::{Reduce, ReduceFuture, reduce};
pub use take::{Take, TakeStream, take};
pub use to_array::{ToArray, ToArrayFuture, to_array};
pub use window::{Window, WindowStream, window};
pub use window_time::{WindowTime, WindowTimeStream, window_time};
