use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::addresses::AddressPlace;
use super::line::Line;
use super::seats::{Seat, SocketPlace};

/// How many bytes the system takes that it cannot send yet. Otherwise it takes megabytes, which are no part of any queue
/// of ours: a client that does not read would miss them later and cost more than it may.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// How long a client may take nothing of what it was sent before its connection is given up: it may be stopped in a
/// debugger, or it may have vanished.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STALLED: std::time::Duration = std::time::Duration::from_secs(300);

/// Up to this size the pieces of a write are put behind each other first: copying a few hundred bytes costs less than
/// having the system go through a list of them. An event of a stream is three pieces, since HTTP puts its size before it.
const COPIED: usize = 1 << 10;

/// Sets the options of a socket that was taken. Where one is refused, the connection is merely not as good.
pub(super) fn prepare(stream: &TcpStream) {
    // Without this, small frames wait for each other's acknowledgement.
    let _ = stream.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let socket = socket2::SockRef::from(stream);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let _ = socket.set_tcp_user_timeout(Some(STALLED));
    }
}

/// A socket, plain or with TLS, with all that it takes up. That is given back when it is closed; also where it has become
/// a WebSocket and left its connection.
#[derive(Debug)]
// In this order in memory: what a write looks at comes first.
#[repr(C)]
pub(super) struct Socket {
    /// As the line has it.
    blocked: bool,
    stream: Stream,
    line: Arc<Line>,
    /// What was read of it and is to be read again, before anything else.
    again: Bytes,
    _seat: Seat,
    _places: Places,
}

/// What a socket takes up from its first moment.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) _of_hub: SocketPlace,
    pub(super) _of_address: AddressPlace,
}

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    /// Boxed, since it is much larger.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    pub(super) fn new(stream: Stream, line: Arc<Line>, seat: Seat, places: Places) -> Self {
        Self { stream, again: Bytes::new(), line, blocked: false, _seat: seat, _places: places }
    }

    /// Notes what became of writing, where the line does not know it.
    fn wrote<T>(&mut self, outcome: Poll<T>) -> Poll<T> {
        if outcome.is_pending() != self.blocked {
            self.blocked = outcome.is_pending();
            return self.line.wrote(outcome);
        }
        outcome
    }

    /// Has this read again, which was read first.
    pub(super) fn read_again(&mut self, read: Vec<u8>) {
        self.again = read.into();
    }
}

/// Calls a method of the stream that it is.
macro_rules! forward {
    ($stream:expr, $method:ident $(, $argument:expr)*) => {
        match $stream {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

/// All of it in one piece, if there is room for that.
fn joined<'a>(slices: &[IoSlice<'_>], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let size = slices.iter().map(|slice| slice.len()).sum();
    let joined = room.get_mut(..size)?;
    let mut rest = &mut *joined;
    for slice in slices {
        let (piece, behind) = rest.split_at_mut(slice.len());
        piece.copy_from_slice(slice);
        rest = behind;
    }
    Some(joined)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.again.is_empty() {
            return forward!(&mut self.stream, poll_read, cx, buf);
        }
        let now = self.again.len().min(buf.remaining());
        buf.put_slice(&self.again.split_to(now));
        if self.again.is_empty() {
            self.again = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = forward!(&mut self.stream, poll_write, cx, buf);
        self.wrote(wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = forward!(&mut self.stream, poll_flush, cx);
        self.wrote(wrote)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = forward!(&mut self.stream, poll_shutdown, cx);
        self.wrote(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut copied = [0; COPIED];
        let wrote = match (&mut self.stream, joined(slices, &mut copied)) {
            (Stream::Plain(stream), Some(joined)) => Pin::new(stream).poll_write(cx, joined),
            (stream, _) => forward!(stream, poll_write_vectored, cx, slices),
        };
        self.wrote(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::joined;

    #[test]
    fn pieces_are_joined_where_there_is_room_for_all() {
        let pieces = [IoSlice::new(b"5\r\n"), IoSlice::new(b"hello"), IoSlice::new(b"\r\n")];
        assert_eq!(joined(&pieces, &mut [0; 10]), Some(&b"5\r\nhello\r\n"[..]));
        assert_eq!(joined(&pieces, &mut [0; 9]), None);
        assert_eq!(joined(&[], &mut [0; 9]), Some(&b""[..]));
    }
}
