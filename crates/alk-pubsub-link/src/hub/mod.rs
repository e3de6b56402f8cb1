//! The hub's end of a link: it has an event target, and serves it to spokes.

mod attention;
mod authorizer;
mod connection;
mod denied;
mod expiry;
mod identity;
mod limits;
mod machine;
mod options;
mod rate;
mod serve;
mod session;

pub use attention::Attention;
pub use authorizer::{AllowAll, Authorizer};
pub use connection::ConnectionInfo;
pub use denied::Denied;
pub use expiry::{Due, Expiry};
pub use identity::Identity;
pub use limits::Limits;
pub use machine::{Effect, Machine, Token};
pub use options::ServeOptions;
pub use serve::{Serve, serve};
pub use session::{LinkFraming, Outbox, Session, SessionStats};
