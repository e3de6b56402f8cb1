use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, ErrorKind};

/// How long a worker whose host is gone has before its process exits.
const GRACE: Duration = Duration::from_secs(3);

/// What the process of such a worker exits with.
const STATUS: i32 = 1;

/// Ends the process when the host is gone, however busy it is. Dropping it leaves the process alone.
#[derive(Debug)]
pub(super) struct OrphanWatch {
    /// Its end wakes the thread that watches.
    _stop: UnixStream,
}

impl OrphanWatch {
    /// Watches the other end of this socket.
    pub(super) fn start(socket: OwnedFd) -> Result<Self, Error> {
        let failed =
            |error| Error::with_source(ErrorKind::Spawn, "nobody could be set to watch the parent", error);
        let (stop, stopped) = UnixStream::pair().map_err(failed)?;
        let watch = move || {
            if !wait(&socket, &stopped, None) {
                return;
            }
            drop(socket);
            // With a good conscience: a worker that is done by then has ended by itself.
            if wait_for_end(&stopped, GRACE) {
                return;
            }
            tracing::error!("the parent of this worker process is gone");
            std::process::exit(STATUS);
        };
        thread::Builder::new().name("alk-pubsub-orphan".to_owned()).spawn(watch).map_err(failed)?;
        Ok(Self { _stop: stop })
    }
}

/// Waits until the other end of the socket is gone. Whether it is; if not, the watch was stopped.
fn wait(socket: &OwnedFd, stopped: &UnixStream, timeout: Option<&Timespec>) -> bool {
    loop {
        // That the other end is gone is told without being asked for; data is of no interest.
        let mut fds = [PollFd::new(socket, PollFlags::empty()), PollFd::new(stopped, PollFlags::empty())];
        match poll(&mut fds, timeout) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "the parent of this worker process cannot be watched");
                return false;
            }
            Ok(_) if !fds[1].revents().is_empty() => return false,
            Ok(_) if !fds[0].revents().is_empty() => return true,
            Ok(_) => {}
        }
    }
}

/// Waits until the watch is stopped; whether it was in that time.
fn wait_for_end(stopped: &UnixStream, timeout: Duration) -> bool {
    let until = std::time::Instant::now() + timeout;
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        let mut fds = [PollFd::new(stopped, PollFlags::empty())];
        match poll(&mut fds, Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => return false,
            Ok(_) => return true,
        }
    }
}
