//! Workers that are threads.

mod run;
mod start;
mod target;

pub(crate) use start::{Lives, many, once, start};
pub use target::WorkerThreadEventTarget;
