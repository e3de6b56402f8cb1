//! Redis as the upstream of alk-pubsub: one topic space across processes.
//!
//! A [`RedisEventTarget`] publishes each event on the channel `prefix + type + ":" + id` and hears, through Redis, what all
//! processes with the same prefix publish, its own events included. Lost connections are made again and subscriptions
//! with them; what was missed in between is a gap in each subscription.
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use alk_pubsub_core::{PubSub, event_map};
//! use alk_pubsub_redis::RedisEventTarget;
//!
//! event_map! { struct Events { Greeted("greeted") => String } }
//!
//! let redis = RedisEventTarget::builder("redis://127.0.0.1:6379").connect().await?;
//! let pubsub = PubSub::<Events>::new(redis);
//! let mut greetings = pubsub.subscribe(Greeted).await?; // Redis has confirmed it
//! pubsub.publish(Greeted, "world", "hello".to_owned()).await?;
//! assert_eq!(greetings.recv().await.expect("open").payload(), "hello");
//! # Ok(()) }
//! ```
//!
//! The user that it authenticates as needs the commands `publish`, `subscribe`, `psubscribe`, `unsubscribe`, `punsubscribe`,
//! `ping` and `client|info`, and the channels.

mod backoff;
mod builder;
mod channels;
mod config;
mod driver;
mod error;
mod give_up;
mod glob;
mod inbox;
mod machine;
mod outbox;
mod parts;
mod publisher;
mod reconnect;
mod status;
mod subscriber;
mod target;
#[cfg(test)]
mod tests;
mod threads;
#[cfg(feature = "tls")]
mod tls;
mod upstream;

pub use builder::Builder;
pub use config::Offline;
pub use error::{Error, ErrorKind};
pub use reconnect::Reconnect;
pub use target::RedisEventTarget;
pub use upstream::RedisUpstream;
