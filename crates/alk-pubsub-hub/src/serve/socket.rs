use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::seats::{Seat, SocketPlace};

/// How many bytes the system takes that it cannot send yet. Otherwise it takes megabytes, which are no part of any queue
/// of ours: a client that does not read would miss them later and cost more than it may.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// How long a client may take nothing of what it was sent before its connection is given up: it may be stopped in a
/// debugger, or it may have vanished.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STALLED: std::time::Duration = std::time::Duration::from_secs(300);

/// A socket with all that it takes up, which is given back when it is closed; also where it has become a WebSocket and
/// left its connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    _seat: Seat,
    _place: SocketPlace,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, seat: Seat, place: SocketPlace) -> Self {
        // Without this, small frames wait for each other's acknowledgement. Where either option is refused, the
        // connection is merely not as good.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let socket = socket2::SockRef::from(&stream);
            let _ = socket.set_tcp_notsent_lowat(UNSENT);
            let _ = socket.set_tcp_user_timeout(Some(STALLED));
        }
        Self { stream, _seat: seat, _place: place }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
