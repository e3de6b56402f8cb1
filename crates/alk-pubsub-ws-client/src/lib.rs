//! The spoke's side of alk-pubsub over WebSockets: an event target that is a hub somewhere else.
//!
//! [`WsClientEventTarget`] connects to a hub, keeps the connection, and makes it again when it is lost, with everything that
//! is subscribed. What a subscription misses in between is one gap in it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use alk_pubsub_core::{Dynamic, PubSub};
//! use alk_pubsub_ws_client::WsClientEventTarget;
//!
//! let spoke = WsClientEventTarget::connect("ws://127.0.0.1:7400/ws").await?;
//! let pubsub = PubSub::<Dynamic>::new(spoke);
//! let mut ticks = pubsub.subscribe("tick").await?;
//! pubsub.publish("tick", "a", 1.into()).await?;
//! println!("{}", ticks.recv().await.expect("open").payload());
//! # Ok(()) }
//! ```

mod address;
mod builder;
mod config;
mod connector;
mod error;
mod pipe;
mod stream;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod token;

pub use alk_pubsub_link::{Error, ErrorKind, Offline, Reconnect, SpokeStats, Wire};
pub use builder::WsClientBuilder;
pub use target::WsClientEventTarget;
