//! Standard output, in a thread of its own: whoever reads it may stop reading for as long as it likes.

use std::io::{self, Write};
use std::thread;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::pretty::pretty;

/// How many pieces may wait to be written.
const AHEAD: usize = 4;

/// Takes pieces to write.
#[derive(Debug)]
pub(super) struct Output(mpsc::Sender<Bytes>);

/// How the writing ended.
pub(super) type Written = oneshot::Receiver<io::Result<()>>;

/// Begins to write to standard output, each line indented if that is wanted.
pub(super) fn stdout(indented: bool) -> io::Result<(Output, Written)> {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let (done, written) = oneshot::channel();
    thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        let _ = done.send(write(pieces, indented, io::stdout().lock()));
    })?;
    Ok((Output(sender), written))
}

/// Resolves when it is known that nobody reads standard output any more, also while there is nothing to write. Never where
/// that cannot be known, as of a file.
#[cfg(unix)]
pub(super) async fn unread() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    let (done, closed) = oneshot::channel();
    // A thread, which ends with the process.
    let watching = thread::Builder::new().name("stdout-end".to_owned()).spawn(move || {
        let stdout = io::stdout();
        // Errors and hang-ups are told unasked.
        while poll(&mut [PollFd::new(&stdout, PollFlags::empty())], None) == Err(Errno::INTR) {}
        let _ = done.send(());
    });
    if watching.is_err() || closed.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// That cannot be known here.
#[cfg(not(unix))]
pub(super) async fn unread() {
    std::future::pending::<()>().await;
}

impl Output {
    /// Has some lines written, when there is room for them; nothing if nothing is written any more. Cancel safe.
    pub(super) async fn write(&self, lines: Bytes) {
        let _ = self.0.send(lines).await;
    }
}

fn write(mut pieces: mpsc::Receiver<Bytes>, indented: bool, mut out: impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    while let Some(piece) = pieces.blocking_recv() {
        if indented {
            text.clear();
            for line in piece.split_inclusive(|byte| *byte == b'\n') {
                pretty(line, &mut text);
            }
            out.write_all(&text)?;
        } else {
            out.write_all(&piece)?;
        }
        out.flush()?;
    }
    Ok(())
}
