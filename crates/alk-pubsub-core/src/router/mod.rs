//! The router maps interests to logs and hands each event to at most three of them.
//!
//! Nothing here knows of tasks, sockets or payload types. A [`Log`](log::Log) is the bounded recent past of one interest, a
//! [`Cursor`](cursor::Cursor) one reader's place in it.

mod after;
mod append;
mod blocking;
mod bounds;
mod chunk;
mod cursor;
mod dispatching;
mod ending;
mod frames;
mod latest;
mod listeners;
mod log;
mod logs;
mod marks;
mod parked;
mod private;
mod raw;
mod route;
mod table;
#[cfg(test)]
mod tests;
mod wake;
mod window;

pub(crate) use after::After;
pub(crate) use append::Full;
pub use append::Scope;
pub use bounds::{Bounds, Overflow};
pub(crate) use cursor::NextFrames;
pub(crate) use dispatching::Dispatching;
pub use ending::EndHandle;
pub use frames::Framing;
pub(crate) use log::{Log, State as LogState};
pub(crate) use private::subscribe_by_listener;
pub use raw::RawSubscription;
pub(crate) use raw::{Item, Registry};
pub use route::Route;
pub use table::Router;
pub(crate) use wake::{ReadySet, Wake};
