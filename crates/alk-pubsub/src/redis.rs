//! Redis as the upstream: one topic space across processes.
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use alk_pubsub::{Dynamic, PubSub, redis::RedisEventTarget};
//!
//! let target = RedisEventTarget::builder("redis://127.0.0.1:6379").prefix("shop:").connect().await?;
//! let pubsub = PubSub::<Dynamic>::new(target);
//! # Ok(()) }
//! ```

pub use alk_pubsub_redis::{Builder, Error, ErrorKind, Offline, Reconnect, RedisEventTarget, RedisUpstream};
