//! `cargo xtask check`: everything about a change that is not a test.

mod command;
mod deny;
mod lint;
mod report;

pub(crate) use command::{Args, run};
