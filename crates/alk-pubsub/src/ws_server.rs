//! A WebSocket hub over any event target, as an axum handler.
//!
//! ```
//! use alk_pubsub::{InProcessEventTarget, ws_server::WsServerEventTarget};
//!
//! let hub = WsServerEventTarget::new(InProcessEventTarget::in_process());
//! let app: axum::Router = axum::Router::new().route("/ws", hub.handler());
//! ```

pub use alk_pubsub_ws_server::{
    AllowAll, Authorizer, BearerToken, CloseCode, ConnectionInfo, Denied, Disconnected, ErrorCode, Identity,
    Limits, SpokeEventTarget, WsConnection, WsServerBuilder, WsServerEventTarget, WsServerStats,
};
