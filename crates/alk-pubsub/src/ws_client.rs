//! A hub at the other end of a WebSocket, as an event target.
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use alk_pubsub::{Dynamic, PubSub, ws_client::WsClientEventTarget};
//!
//! let target = WsClientEventTarget::connect("ws://127.0.0.1:7400/ws").await?;
//! let pubsub = PubSub::<Dynamic>::new(target);
//! # Ok(()) }
//! ```

pub use alk_pubsub_ws_client::{
    Error, ErrorKind, Offline, Reconnect, SpokeStats, Wire, WsClientBuilder, WsClientEventTarget,
};
