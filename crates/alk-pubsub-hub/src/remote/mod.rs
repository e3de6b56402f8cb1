//! Whom `pub` and `sub` talk to: a hub, or Redis.

mod connect;

pub(crate) use connect::{connect, connect_redis, tell_losses};
