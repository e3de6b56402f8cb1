//! Server-sent events and HTTP publish over any event target, as axum handlers.
//!
//! ```
//! use alk_pubsub::{InProcessEventTarget, sse};
//!
//! let target = InProcessEventTarget::in_process();
//! let events = sse::handler(target.clone()).merge(sse::publish(target));
//! let app: axum::Router = axum::Router::new().route("/events", events);
//! ```

pub use alk_pubsub_sse::{
    AllowAll, Attention, Authorizer, ConnectionInfo, Denied, EventStream, Handover, HangUp, Identity,
    PublishBuilder, PublishHandler, PublishRate, PublishStats, Refused, SseRelay, SseRelayBuilder, SseStats,
    handler, publish,
};
