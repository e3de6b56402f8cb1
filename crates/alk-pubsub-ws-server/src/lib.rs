//! The hub's side of alk-pubsub over WebSockets.
//!
//! [`WsServerEventTarget`] serves any [`EventTarget`](alk_pubsub_core::EventTarget) to spokes: an axum handler, or connections that you
//! already have. Each connection is one task and a set of places in the router's logs; what it is sent is encoded and framed
//! once for all connections and written in as few writes as there are wake-ups.

mod builder;
mod connection;
mod framing;
mod handler;
mod handshake;
mod hub;
mod spoke;
mod stats;
mod target;

pub use alk_pubsub_link::{
    AllowAll, Authorizer, BearerToken, CloseCode, ConnectionInfo, Denied, ErrorCode, Identity, Limits,
};
pub use builder::WsServerBuilder;
pub use connection::{Disconnected, WsConnection};
pub use spoke::SpokeEventTarget;
pub use stats::WsServerStats;
pub use target::WsServerEventTarget;
