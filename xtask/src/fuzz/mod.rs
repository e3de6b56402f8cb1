//! `cargo xtask fuzz`: the fuzz targets, one after the other.

mod command;
mod session;

pub(crate) use command::{Args, run};
