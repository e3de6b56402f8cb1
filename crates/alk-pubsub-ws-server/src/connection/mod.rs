//! One connection: the task that reads, serves and writes it, and the handle that others hold.

mod handle;
mod heartbeat;
mod input;
mod outgoing;
mod task;

pub use handle::{Disconnected, WsConnection};
pub(crate) use handle::{Order, Shared, Which};
pub(crate) use task::Connection;
