//! W: a host and its worker, beside the plainest thing that could be there instead.
//!
//! *Ping-pong*: one event goes there, one comes back, then the next. *One way*: events go to the worker as fast as it takes
//! them, until it says that it has all. Beside a thread stands a thread of the same kind with a pair of bounded Tokio
//! channels; beside a process, one with a socket pair, tokio-util's `LengthDelimitedCodec` and, since events are encoded
//! and decoded, `serde_json`. The same without looking at the bytes stands there too, though it does less than anybody needs.

#[allow(clippy::unwrap_used, reason = "a program that measures fails by panicking")]
mod measure;
#[cfg(unix)]
#[allow(clippy::unwrap_used, reason = "as above")]
mod process;
#[allow(clippy::unwrap_used, reason = "as above")]
mod thread;

pub(crate) use measure::{child_role, measure, run_child};
