//! The spoke's end of a link as a pure state machine: what is wanted and what frames say goes in, effects come out.
//! No socket, no clock, no task.

mod effect;
mod incoming;
mod interest;
#[cfg(test)]
mod model;
mod requests;
mod state;
#[cfg(test)]
mod tests;

pub(super) use effect::Effect;
pub(super) use interest::Confirmation;
pub(super) use state::Machine;
