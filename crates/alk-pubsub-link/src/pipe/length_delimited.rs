use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::contract::{Pipe, Received};
use super::frames::{Frames, PREFIX};
use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind};
use crate::frame::Wire;

/// How many bytes are read at once.
const READ: usize = 32 << 10;

/// How many bytes may wait to be written before the pipe is not ready for more.
const WRITE: usize = 64 << 10;

/// How many pieces are written at once.
const PIECES: usize = 16;

/// A pipe over a byte stream: each frame behind its length as 4 bytes big endian.
///
/// A larger frame than `max_frame_bytes` is passed over and reported as [`Received::TooLarge`]; it costs no memory.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_link::{LengthDelimited, Pipe, Received, Wire};
///
/// let (a, b) = tokio::io::duplex(64);
/// let mut here = LengthDelimited::new(a, Wire::Json, 1024);
/// let mut there = LengthDelimited::new(b, Wire::Json, 1024);
///
/// here.send([b"hello"].into_iter().collect())?;
/// std::future::poll_fn(|cx| here.poll_flush(cx)).await?;
/// let received = std::future::poll_fn(|cx| there.poll_receive(cx)).await;
/// assert_eq!(received.expect("open")?, Received::Frame("hello".into()));
/// # Ok::<(), alk_pubsub_link::Error>(()) }).unwrap();
/// ```
pub struct LengthDelimited<S> {
    stream: S,
    wire: Wire,
    max_frame_bytes: usize,
    incoming: BytesMut,
    /// So many bytes of a frame that is too large are still to be passed over.
    passing: usize,
    outgoing: VecDeque<Bytes>,
    waiting: usize,
    /// Bytes are in the stream's own buffer, perhaps.
    unflushed: bool,
}

impl<S> LengthDelimited<S> {
    /// Over this stream; frames larger than `max_frame_bytes` are not taken.
    pub fn new(stream: S, wire: Wire, max_frame_bytes: usize) -> Self {
        Self {
            stream,
            wire,
            max_frame_bytes,
            incoming: BytesMut::new(),
            passing: 0,
            outgoing: VecDeque::new(),
            waiting: 0,
            unflushed: false,
        }
    }

    /// A frame that has arrived as a whole, or the news that one is too large.
    fn next(&mut self) -> Option<Received> {
        let passed = self.passing.min(self.incoming.len());
        self.incoming.advance(passed);
        self.passing -= passed;
        if self.passing > 0 || self.incoming.len() < PREFIX {
            return None;
        }
        let mut prefix = [0; PREFIX];
        prefix.copy_from_slice(&self.incoming[..PREFIX]);
        let len = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if len > self.max_frame_bytes {
            self.incoming.advance(PREFIX);
            self.passing = len;
            return Some(Received::TooLarge(len));
        }
        if self.incoming.len() < PREFIX + len {
            return None;
        }
        self.incoming.advance(PREFIX);
        Some(Received::Frame(self.incoming.split_to(len).freeze()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> LengthDelimited<S> {
    /// Reads some bytes; how many.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let mut space = [std::mem::MaybeUninit::uninit(); READ];
        let mut space = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        self.incoming.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.outgoing.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (piece, bytes) in pieces.iter_mut().zip(&self.outgoing) {
                *piece = IoSlice::new(bytes);
                count += 1;
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &pieces[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(Error::new(ErrorKind::Io, "the stream takes no more bytes")));
            }
            self.unflushed = true;
            self.waiting -= written;
            let mut left = written;
            while let Some(first) = self.outgoing.front_mut() {
                let gone = left.min(first.len());
                first.advance(gone);
                left -= gone;
                if first.has_remaining() {
                    break;
                }
                self.outgoing.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Pipe for LengthDelimited<S> {
    fn wire(&self) -> Wire {
        self.wire
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        loop {
            if let Some(received) = self.next() {
                return Poll::Ready(Some(Ok(received)));
            }
            match ready!(self.poll_read(cx)) {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(0) if self.incoming.is_empty() && self.passing == 0 => return Poll::Ready(None),
                Ok(0) => {
                    let message = "the stream ended within a frame";
                    return Poll::Ready(Some(Err(Error::new(ErrorKind::Io, message))));
                }
                Ok(_) => {}
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.waiting >= WRITE {
            return self.poll_write(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        if !frames.is_empty() {
            self.waiting += frames.len();
            self.outgoing.push_back(frames.into_prefixed());
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_write(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: CloseCode, _: &str) -> Poll<Result<(), Error>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx).map_err(Error::from)
    }
}

impl<S> fmt::Debug for LengthDelimited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LengthDelimited")
            .field("wire", &self.wire)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
