//! Measures alk-pubsub beside what one would take for it: `cargo xtask bench`.
//!
//! A workload is a module. Those who take part in it take turns, round after round, so that noise of the machine hits all
//! alike; a figure is worth something as a ratio to those that were measured beside it, and nothing by itself. Events
//! are numbered: a run in which one was lost, came twice or came too early fails.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs that measure print what they find")]

mod cli;
mod comparison;
mod fan_out;
mod figures;
mod hubs;
mod installed;
mod plan;
mod redis;
mod report;
mod run;
mod runtime;
mod single_event;
mod tick;
mod topics;
mod turns;
mod workers;

pub use run::run;
pub use single_event::run as run_single_event;
pub use topics::print_memory;
