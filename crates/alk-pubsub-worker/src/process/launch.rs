use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::control::Control;
use super::port::Port;
use crate::error::{Error, ErrorKind};

/// Set in a worker's environment.
pub(super) const MARK: &str = "ALK_PUBSUB_WORKER";

/// A process that was started, and the host's end of its link.
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) port: Port,
    pub(super) control: Arc<Control>,
}

/// Starts the process.
pub(super) fn launch(command: &mut Command, max_frame_bytes: usize) -> Result<Launched, Error> {
    let failed = |what: &'static str, error| Error::with_source(ErrorKind::Spawn, what, error);
    let (here, there) = pair().map_err(|error| failed("the link to the process could not be made", error))?;
    command.stdin(Stdio::from(OwnedFd::from(there))).env(MARK, "1").kill_on_drop(true);
    let child = command.spawn();
    // Lets go of the child's end, or the end of the child would not be seen here.
    command.stdin(Stdio::null());
    let child = child.map_err(|error| failed("the program could not be started", error))?;
    let control = Arc::new(Control::new());
    Ok(Launched { child, port: Port::new(here, max_frame_bytes, true, control.clone()), control })
}

fn pair() -> std::io::Result<(UnixStream, StdUnixStream)> {
    let (here, there) = StdUnixStream::pair()?;
    here.set_nonblocking(true)?;
    Ok((UnixStream::from_std(here)?, there))
}
