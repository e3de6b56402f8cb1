//! Event streams, written to their sockets.
//!
//! HTTP libraries are made for answers that end. An answer that lasts keeps what they have for the next request: a buffer of
//! eight kilobytes to read it into, and all that is looked at whenever something happens. So a stream that is the first thing
//! that its connection asked for has the connection for itself, and needs neither.

use std::io::{self, IoSlice, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use alk_pubsub::sse::{Attention, EventStream};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::head::MAX_HEAD;
use super::line::Line;
use super::socket::Socket;

/// What is behind the data of each chunk.
const BEHIND: &[u8] = b"\r\n";
/// What is behind the last chunk.
const END: &[u8] = b"0\r\n\r\n";
/// Room for the size of a chunk.
const SIZE: usize = 18;

pin_project! {
    /// Writes an event stream until it has ended, its client is gone or it is cut, and then closes the socket. One future
    /// without others in it: there are many of them, and what an event touches of each is what it costs.
    // In this order in memory: what an event passes on its way is together.
    #[repr(C)]
    pub(super) struct Serving {
        ended: bool,
        attention: Attention,
        outgoing: Outgoing,
        socket: Socket,
        #[pin]
        stream: EventStream,
        line: Arc<Line>,
        #[pin]
        cut: WaitForCancellationFutureOwned,
        // How many bytes the client has sent behind its request.
        said: usize,
        peer: SocketAddr,
    }
}

/// What is to be written.
struct Outgoing {
    before: Vec<u8>,
    /// The data of a chunk, if there is any.
    data: Bytes,
    /// How much of all this is written.
    written: usize,
}

impl Serving {
    pub(super) fn new(
        socket: Socket,
        headers: &HeaderMap,
        stream: EventStream,
        peer: SocketAddr,
        line: Arc<Line>,
        cut: CancellationToken,
    ) -> Self {
        let outgoing = Outgoing { before: head(headers), data: Bytes::new(), written: 0 };
        Self {
            ended: false,
            attention: Attention::new(),
            outgoing,
            socket,
            stream,
            line,
            cut: cut.cancelled_owned(),
            said: 0,
            peer,
        }
    }

    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let attends = this.attention.take(cx);
        // All but events wakes the task by this. Whatever wakes it while the socket takes nothing is looked at when that takes
        // more, for that wakes it by this, too.
        let rest = this.attention.waker();
        let mut attentive = Context::from_waker(rest);
        if attends {
            if this.line.poll_hung_up(&attentive).is_ready() {
                tracing::debug!(peer = %this.peer, "a client has not taken the end of its stream; cut");
                return Poll::Ready(Ok(()));
            }
            let cut = this.cut.poll(&mut attentive).is_ready();
            if cut || poll_gone(this.socket, this.said, &mut attentive)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
        }
        let mut seen_all = false;
        loop {
            ready!(this.outgoing.poll_written(this.socket, &mut attentive))?;
            if *this.ended || seen_all {
                ready!(Pin::new(&mut *this.socket).poll_flush(&mut attentive))?;
                return if *this.ended {
                    Pin::new(this.socket).poll_shutdown(&mut attentive)
                } else {
                    Poll::Pending
                };
            }
            match this.stream.as_mut().poll_piece_with(cx, attends.then_some(rest)) {
                Poll::Ready(Some(piece)) => {
                    this.outgoing.data = piece;
                    // Whoever wakes this task after it looked has it run again.
                    seen_all = this.stream.is_idle();
                }
                Poll::Ready(None) => {
                    *this.ended = true;
                    this.outgoing.before.extend_from_slice(END);
                }
                // The head may be left to write.
                Poll::Pending => seen_all = true,
            }
        }
    }
}

impl Future for Serving {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let peer = self.peer;
        if let Err(error) = ready!(self.poll_end(cx)) {
            tracing::debug!(%peer, %error, "a stream ended badly");
        }
        Poll::Ready(())
    }
}

/// What is said here of the answer's form, whatever others say.
const OURS: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::DATE, header::TRANSFER_ENCODING];

/// The head of an answer whose end is that of the connection, too.
fn head(headers: &HeaderMap) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in headers.iter().filter(|(name, _)| !OURS.contains(name)) {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    let date = httpdate::HttpDate::from(SystemTime::now());
    // A vector takes everything.
    let _ = write!(head, "date: {date}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    head
}

/// Ready when the client has gone. It has nothing more to say, so what it says does not matter, and who says much is sent away.
fn poll_gone(
    socket: &mut (impl AsyncRead + Unpin),
    said: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while *said < MAX_HEAD {
        let mut room = [0; 64];
        let mut room = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut *socket).poll_read(cx, &mut room))?;
        if room.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        *said += room.filled().len();
    }
    Poll::Ready(Ok(()))
}

impl Outgoing {
    fn poll_written(
        &mut self,
        socket: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = [0; SIZE];
        // A chunk of nothing would be the end.
        let (size, behind) =
            if self.data.is_empty() { (&[][..], &[][..]) } else { (size(&self.data, &mut room), BEHIND) };
        let whole = self.before.len() + size.len() + self.data.len() + behind.len();
        while self.written < whole {
            let mut pieces = [&self.before, size, &self.data, behind].map(IoSlice::new);
            let mut rest = &mut pieces[..];
            IoSlice::advance_slices(&mut rest, self.written);
            let written = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        if whole > 0 {
            *self = Self { before: Vec::new(), data: Bytes::new(), written: 0 };
        }
        Poll::Ready(Ok(()))
    }
}

/// What stands before the data of a chunk.
fn size<'a>(data: &[u8], room: &'a mut [u8; SIZE]) -> &'a [u8] {
    let (mut left, mut start) = (data.len(), SIZE - 2);
    room[start..].copy_from_slice(b"\r\n");
    loop {
        start -= 1;
        room[start] = b"0123456789abcdef"[left % 16];
        left /= 16;
        if left == 0 {
            return &room[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use tokio::io::AsyncReadExt;

    use super::{Outgoing, SIZE, size};

    #[test]
    fn there_is_room_for_the_size_of_any_chunk() {
        assert_eq!(size(&[0; 300], &mut [0; SIZE]), b"12c\r\n");
        assert_eq!(format!("{:x}\r\n", usize::MAX).len(), SIZE);
    }

    #[tokio::test]
    async fn what_is_written_is_whole_however_little_is_taken_at_once() {
        let data = Bytes::from("x".repeat(20));
        for room in [1, 2, 3, 7, 100] {
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let writing = async {
                let mut outgoing = Outgoing { before: b"head\r\n".to_vec(), data: data.clone(), written: 0 };
                poll_fn(|cx| outgoing.poll_written(&mut ours, cx)).await.unwrap();
                outgoing.data = data.clone();
                poll_fn(|cx| outgoing.poll_written(&mut ours, cx)).await.unwrap();
                drop(ours);
            };
            let mut read = String::new();
            let (_, taken) = tokio::join!(writing, theirs.read_to_string(&mut read));
            taken.unwrap();
            let chunk = format!("14\r\n{}\r\n", "x".repeat(20));
            assert_eq!(read, format!("head\r\n{chunk}{chunk}"), "{room}");
        }
    }
}
