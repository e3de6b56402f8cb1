//! An event target in front of another, which does to events what networks do.

mod faults;
mod line;
mod target;

pub use faults::{EventFaultCounts, EventFaults};
pub use target::FaultTarget;
