//! Event streams, written to their sockets.
//!
//! HTTP libraries are made for answers that end. An answer that lasts keeps what they have for the next request: a buffer of
//! eight kilobytes to read it into, and all that is looked at whenever something happens. So a stream that is the first thing
//! that its connection asked for has the connection for itself, and needs neither.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const END: &[u8] = b"0\r\n\r\n";
/// What is behind the data of each chunk.
const BEHIND: &[u8] = b"\r\n";
/// Room for the size of a chunk.
const SIZE: usize = 16;

/// Whether this answer is an event stream.
pub(super) fn is_stream(answer: &Response) -> bool {
    let headers = answer.headers();
    answer.status() == StatusCode::OK
        && headers.get(header::CONTENT_TYPE).is_some_and(|what| what == "text/event-stream")
        && !headers.contains_key(header::CONTENT_LENGTH)
}

/// Writes an event stream until it has ended or its client is gone, and then closes the socket.
pub(super) async fn write(socket: impl AsyncRead + AsyncWrite + Unpin, answer: Response) -> io::Result<()> {
    let (head, body) = answer.into_parts();
    let mut writing = Writing {
        socket,
        body,
        before: self::head(&head.headers),
        data: Bytes::new(),
        written: 0,
        ended: false,
    };
    std::future::poll_fn(|cx| writing.poll(cx)).await
}

/// The head of an answer whose end is that of the connection, too.
fn head(headers: &HeaderMap) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
    let date = httpdate::HttpDate::from(SystemTime::now());
    // A vector takes everything.
    let _ = write!(head, "date: {date}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    head
}

struct Writing<S> {
    socket: S,
    body: Body,
    /// What is written before the data.
    before: Vec<u8>,
    /// One chunk.
    data: Bytes,
    /// How much of all this is written.
    written: usize,
    /// Nothing more comes.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writing<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll_gone(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.poll_written(cx))?;
            if self.ended {
                return Pin::new(&mut self.socket).poll_shutdown(cx);
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.chunk(frame.into_data().unwrap_or_default()),
                // A body of ours does not fail; whose does has said nothing that could be passed on.
                Poll::Ready(Some(Err(_)) | None) => {
                    self.ended = true;
                    self.before.extend_from_slice(END);
                }
                Poll::Pending if self.before.is_empty() => {
                    ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
                    return Poll::Pending;
                }
                // The head, for which nothing has to be waited.
                Poll::Pending => {}
            }
        }
    }

    /// Ready when the client has gone. It has nothing more to say, so what it says does not matter.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut room = [0; 64];
            let mut room = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
            if room.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn chunk(&mut self, data: Bytes) {
        // That would be the end.
        if !data.is_empty() {
            let _ = write!(self.before, "{:x}\r\n", data.len());
            self.data = data;
        }
    }

    /// Writes what there is to write.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let behind = if self.data.is_empty() { &[][..] } else { BEHIND };
        let whole = self.before.len() + self.data.len() + behind.len();
        while self.written < whole {
            let mut pieces = [IoSlice::new(&self.before), IoSlice::new(&self.data), IoSlice::new(behind)];
            let mut rest = &mut pieces[..];
            IoSlice::advance_slices(&mut rest, self.written);
            let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        if whole > 0 {
            self.before.clear();
            self.before.shrink_to(SIZE);
            self.data = Bytes::new();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }
}
