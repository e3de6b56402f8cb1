//! `cargo xtask instructions`: what one event costs the processor, held against the figures that are kept.

mod callgrind;
mod command;
mod growth;

pub(crate) use command::{Args, run};
