use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use alk_pubsub_core::LatencySample;
use alk_pubsub_link::{CloseCode, Outbox};
use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use crate::framing;

/// How many pieces go into one write.
const PIECES: usize = 64;

/// What is to be written, as pieces that may be shared with other connections.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// What was written may still be on this side of the socket: TLS keeps what the socket does not take.
    unflushed: bool,
    /// An event that is timed until all of this is written. One at a time is enough.
    timed: Option<LatencySample>,
    /// What the close frame is to say. It goes behind everything else, and nothing goes behind it.
    close: Option<(CloseCode, &'static str)>,
}

impl Outgoing {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// Puts the close frame behind everything else, if there is to be one. Whether there is.
    pub(super) fn finish(&mut self) -> bool {
        let Some((code, reason)) = self.close.take() else { return false };
        self.push(framing::close(code.code(), reason));
        true
    }

    /// Writes until everything has gone to the socket or it takes no more. Ready with whether it took anything.
    pub(super) fn poll_write(
        &mut self,
        io: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut io = io;
        let mut wrote = false;
        while !self.pieces.is_empty() {
            let written = if self.pieces.len() == 1 {
                io.as_mut().poll_write(cx, &self.pieces[0])
            } else {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
                io.as_mut().poll_write_vectored(cx, &slices[..count])
            };
            match written {
                Poll::Pending if wrote => return Poll::Ready(Ok(true)),
                written => match ready!(written)? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => {
                        self.advance(written);
                        self.unflushed = true;
                        wrote = true;
                    }
                },
            }
        }
        if self.unflushed {
            ready!(io.poll_flush(cx))?;
            self.unflushed = false;
            wrote = true;
        }
        if let Some(sample) = self.timed.take() {
            sample.written();
        }
        if self.pieces.capacity() > PIECES {
            // Connections that were busy once are not to be large for ever.
            self.pieces = VecDeque::new();
        }
        Poll::Ready(Ok(wrote))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.pieces.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
    }
}

impl Outbox for Outgoing {
    fn write(&mut self, frames: Bytes) {
        self.push(frames);
    }

    fn timed(&mut self, sample: LatencySample) {
        self.timed.get_or_insert(sample);
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.close.get_or_insert((code, reason));
    }
}
