//! One stream for each key. Who does what:
//!
//! - [`stream`] and [`group`] are the two kinds of *reader*: the stream of groups, and the groups.
//! - [`driver`] owns the source and knows the groups by their keys. Whichever reader is polled and finds
//!   nothing for itself takes the driver out of its place, polls the source with it, and puts it back: there
//!   is one driver and nobody waits for a lock while the source, the key function or an item's `Drop` run.
//! - [`queue`] is what a group holds.
//! - [`waiting`] has the wakers of the readers who wait, and is itself the waker that the source gets.
//! - [`shared`] has the above, and the rules of how a reader is polled.

mod driver;
mod group;
mod limits;
mod operator;
mod queue;
mod shared;
mod stream;
mod waiting;

pub use group::Group;
pub use limits::GroupLimits;
pub use operator::{GroupBy, group_by};
pub use stream::GroupByStream;
