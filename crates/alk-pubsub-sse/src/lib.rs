//! Server-sent events and HTTP publish over any alk-pubsub event target.
//!
//! [`SseRelay`] answers `GET /events?topic=…` with a stream of the events of these topics, [`PublishHandler`] takes events by
//! `POST /events`. Both are axum handlers, over whatever [`EventTarget`](alk_pubsub_core::EventTarget) there is.
//!
//! ```
//! use alk_pubsub_core::InProcessEventTarget;
//! use alk_pubsub_sse::{handler, publish};
//!
//! let target = InProcessEventTarget::in_process();
//! let app: axum::Router = axum::Router::new().route("/events", handler(target.clone()).merge(publish(target)));
//! ```

mod body;
mod builder;
mod config;
mod framing;
mod handover;
mod hang_up;
mod listed;
mod open;
mod pieces;
mod problem;
mod publish;
mod relay;
mod rights;
mod stats;
mod sweep;
mod topics;

pub use alk_pubsub_link::{AllowAll, Attention, Authorizer, ConnectionInfo, Denied, Identity};
pub use builder::SseRelayBuilder;
pub use handover::{EventStream, Handover};
pub use hang_up::HangUp;
pub use publish::{PublishBuilder, PublishHandler, PublishRate, PublishStats, publish};
pub use relay::{SseRelay, handler};
pub use stats::{Refused, SseStats};
