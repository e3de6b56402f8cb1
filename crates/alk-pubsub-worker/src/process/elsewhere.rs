//! Where there are no Unix sockets.

use std::process::Command;
use std::sync::Arc;

use super::target::WorkerProcessEventTarget;
use crate::bond::Bond;
use crate::error::{Error, ErrorKind};
use crate::host::WorkerHost;
use crate::restart::Restarts;

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "worker processes need Unix sockets; a worker thread does not")
}

pub(crate) fn start(_: &WorkerHost, _: Arc<str>, _: Command, _: Restarts, _: Arc<Bond>) -> Result<(), Error> {
    Err(unsupported())
}

/// The worker's side of [`WorkerHost::process`].
///
/// # Errors
///
/// [`Unsupported`](ErrorKind::Unsupported), on this platform.
pub fn from_parent() -> Result<WorkerProcessEventTarget, Error> {
    Err(unsupported())
}
