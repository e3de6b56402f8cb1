//! `cargo xtask redis`: throw-away servers to try things with.

mod command;
#[allow(
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    dead_code,
    unused_imports,
    missing_docs,
    reason = "the tests' own fixtures, of which a part is used here"
)]
#[path = "../../../crates/alk-pubsub-redis/tests/redis/servers/mod.rs"]
mod servers;

pub(crate) use command::{Args, run};
