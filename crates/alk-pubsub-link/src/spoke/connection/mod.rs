//! One connection of a spoke, from the pipe to its end.

mod clocks;
mod incoming;
mod outgoing;
mod run;
mod token;

pub(super) use run::{Connection, Outcome};
