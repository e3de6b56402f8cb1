//! The checks, each beside others of the same promise, and the list of them all.
//!
//! A check is a function of a [`Kit`](crate::Kit) that panics where the promise is broken. Write it beside its like, and
//! add it to the list: every transport has it then.

mod active;
mod bad_message;
mod closing;
mod dropping;
mod gaps;
mod lag;
mod list;
mod once;
mod one_way;
mod order;
mod publishing;
mod reconnecting;

pub use list::CHECKS;
