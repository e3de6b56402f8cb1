//! The link protocol of alk-pubsub.
//!
//! A link is a [`Pipe`] of frames between a hub, which has an event target, and a spoke, which uses it: a WebSocket, a
//! worker's port, the standard streams of a child process. This crate has what all of them share:
//!
//! * the frames and their encoding: [`Frame`], [`Control`], [`Wire`];
//! * the hub's end: [`serve`] runs a [`Session`] on any pipe; who has pipes of their own drives the session, or the pure
//!   [`Machine`] in it;
//! * the spoke's end: [`connect`] makes an event target of a [`Connector`], which makes the pipe and makes it again when it
//!   was lost; [`link_over`] one of a single pipe;
//! * pipes: [`memory_pipe`] within the process, [`LengthDelimited`] over any byte stream, and a trait for your own.

mod close_code;
mod code;
mod error;
mod frame;
mod give_way;
mod heartbeat;
mod hub;
mod pipe;
mod random;
mod spoke;

pub use close_code::CloseCode;
pub use code::ErrorCode;
pub use error::{Error, ErrorKind};
pub use frame::{BearerToken, Control, Frame, Refusal, Welcome, Wire};
pub use hub::{
    AllowAll, Attention, Authorizer, ConnectionInfo, Denied, Due, Effect, Expiry, Identity, Limits,
    LinkFraming, Machine, Outbox, Serve, ServeOptions, Session, SessionStats, Token, serve,
};
pub use pipe::{Frames, LengthDelimited, LengthPrefixed, MemoryPipe, Pipe, Received, memory_pipe};
pub use spoke::{
    Connector, LinkEventTarget, LinkUpstream, Offline, Reconnect, SpokeOptions, SpokeStats, connect,
    link_over,
};
