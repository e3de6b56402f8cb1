//! Workers: threads and child processes that share events with their host.
//!
//! [`spawn`] runs a future on a thread of its own, [`process`] a program as a process of its own. Both give the host a
//! [`WorkerHostEventTarget`] and the worker a target on its side, a [`WorkerThreadEventTarget`] or, [`from_parent`], a
//! [`WorkerProcessEventTarget`]: ordinary event targets in one topic space. A [`Worker`] says how it ended, and ends it. [`WorkerHost`]
//! has the options, and lets workers take part in another target's topic space; a [`Supervisor`] starts workers again.
//!
//! | | thread | process |
//! | --- | --- | --- |
//! | events cross | by reference count, never encoded | as frames over a socket, only what the other side listens to |
//! | a worker that blocks | harms nobody | is killed when it gives no sign of life |
//! | a worker that panics or crashes | is an [`Outcome`] | is an [`Outcome`] |
//! | a worker that does not end in time | is cut off, since a thread cannot be killed | is killed |
//! | [`Overflow::Block`](alk_pubsub_core::Overflow::Block) | works end to end | is refused |

mod bond;
mod error;
mod host;
mod host_target;
mod lease;
mod life;
mod outcome;
mod process;
mod restart;
mod space;
mod start;
mod supervisor;
mod thread;
mod worker;

pub use error::{Error, ErrorKind};
pub use host::WorkerHost;
pub use host_target::WorkerHostEventTarget;
pub use outcome::{IntoOutcome, Outcome};
pub use process::{WorkerProcessEventTarget, from_parent};
pub use start::{process, spawn};
pub use supervisor::Supervisor;
pub use thread::WorkerThreadEventTarget;
pub use worker::Worker;
