//! Logs and queues against models of them that are too simple to be wrong.

mod fixture;
mod latest_model;
mod log_model;
mod route;
#[cfg(loom)]
mod schedules;
mod stalled;
