//! The link protocol of alk-pubsub.
//!
//! A link is a pipe of frames between a hub, which has an event target, and a spoke, which uses it: a WebSocket, a worker's
//! port. This crate has what all pipes share: the frames and their encoding ([`Frame`], [`Control`], [`Wire`]), the hub's end
//! as a pure state machine ([`Machine`]), and that machine together with a target and its events ([`Session`]), driven by
//! whoever has the pipe.

mod authorizer;
mod code;
mod connection;
mod frame;
mod limits;
mod machine;
mod rate;
mod session;

pub use authorizer::{AllowAll, Authorizer, Denied};
pub use code::ErrorCode;
pub use connection::ConnectionInfo;
pub use frame::{Control, Frame, Refusal, Welcome, Wire};
pub use limits::Limits;
pub use machine::{CloseCode, Effect, Machine, Token};
pub use session::{LinkFraming, Outbox, Session, SessionStats};
