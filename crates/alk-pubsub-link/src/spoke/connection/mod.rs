//! One connection of a spoke, from the pipe to its end.

mod clocks;
mod connection;
mod incoming;
mod outgoing;

pub(super) use connection::{Connection, Outcome};
