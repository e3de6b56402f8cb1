//! Whom `pub` and `sub` talk to: a hub, or Redis.

mod connect;

pub(crate) use connect::{connect, connect_redis, lost, tell_losses, why_lost};
