//! `cargo xtask bench`: alk-pubsub beside its peers.

mod command;

pub(crate) use command::{Args, run};
