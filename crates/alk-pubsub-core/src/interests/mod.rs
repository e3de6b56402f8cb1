//! Which interests are wanted, and what the other side knows of them: the bookkeeping of an [`Upstream`](crate::Upstream).
//!
//! An upstream whose transport can fail has to bring what is wanted and what the other side has confirmed together, again
//! and again, while both change. [`InterestTable`] is that state machine: no socket, no clock, no task. [`Interests`] shares
//! one between an upstream, whose calls must not wait, and the one task that talks to the other side.

mod shared;
mod table;
#[cfg(test)]
mod tests;

pub use shared::Interests;
pub use table::{Changes, InterestTable};
