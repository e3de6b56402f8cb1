//! `cargo xtask test`: every test there is, those that need a Redis server included.

mod command;
mod install;
mod matrix;
mod peers;
mod redis_server;
mod tally;
mod targets;

pub(crate) use command::{Args, run};
pub(crate) use redis_server::locate as locate_redis;
