//! Whom `pub` and `sub` talk to: a hub, or Redis.

mod client;
mod connect;

pub(crate) use client::Credentials;
pub(crate) use connect::{connect, lost, start_redis, tell_losses, why_lost};
