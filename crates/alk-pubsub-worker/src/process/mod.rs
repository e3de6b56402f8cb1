//! Workers that are processes. Frames go over a pair of Unix sockets, of which the child's is its standard input.

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod control;
#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod keeper;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod log;
#[cfg(unix)]
mod orphan;
#[cfg(unix)]
mod port;
mod target;

#[cfg(unix)]
pub use child::from_parent;
#[cfg(not(unix))]
pub use elsewhere::from_parent;
#[cfg(not(unix))]
pub(crate) use elsewhere::start;
#[cfg(unix)]
pub(crate) use keeper::start;
pub use target::WorkerProcessEventTarget;
