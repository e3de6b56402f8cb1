//! A TCP proxy that does to connections what networks do: cuts, delays, halves and stalls them.

mod fault;
mod forward;
mod server;

pub use fault::{Fault, Schedule};
pub use server::{FaultCounts, Proxy};
