//! The hub's end of a link at work: the machine, the target it serves, and the events on their way to the spoke.

mod contract;
mod rights;
mod session;

pub use contract::{LinkFraming, Outbox, SessionStats};
pub use session::Session;
