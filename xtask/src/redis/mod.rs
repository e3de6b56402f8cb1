//! `cargo xtask redis`: throw-away servers to try things with.

mod command;
#[allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the testkit's fixtures, of which a part is used here; this crate depends on no sibling"
)]
#[path = "../../../crates/alk-pubsub-testkit/src/redis/mod.rs"]
mod servers;

pub(crate) use command::{Args, run};
