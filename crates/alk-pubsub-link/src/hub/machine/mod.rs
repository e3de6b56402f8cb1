//! The hub's end of a link as a pure state machine: frames and results in, effects out. No socket, no clock, no task.

mod effect;
mod rights;
mod state;
#[cfg(test)]
mod tests;

pub use effect::{Effect, Token};
pub use state::Machine;
