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
    bytes: usize,
    /// What was written may still be on this side of the socket: TLS keeps what the socket does not take.
    unflushed: bool,
    /// The first stands by itself: most of the time there is no other, and a connection then has no queue.
    first: Bytes,
    rest: VecDeque<Bytes>,
    /// An event that is timed until all of this is written. One at a time is enough.
    timed: Option<LatencySample>,
    /// What the close frame is to say. It goes behind everything else, and nothing goes behind it.
    close: Option<(CloseCode, &'static str)>,
}

impl Outgoing {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether something has not gone to the socket yet.
    pub(super) fn waits(&self) -> bool {
        self.bytes > 0 || self.unflushed
    }

    pub(super) fn push(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            let first = self.bytes == 0;
            self.bytes += piece.len();
            if first {
                self.first = piece;
            } else {
                self.rest.push_back(piece);
            }
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
        while self.bytes > 0 {
            let written = if self.rest.is_empty() {
                io.as_mut().poll_write(cx, &self.first)
            } else {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(std::iter::once(&self.first).chain(&self.rest)) {
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
            match io.poll_flush(cx) {
                Poll::Pending if wrote => return Poll::Ready(Ok(true)),
                flushed => ready!(flushed)?,
            }
            self.unflushed = false;
            wrote = true;
        }
        if let Some(sample) = self.timed.take() {
            sample.written();
        }
        if self.rest.capacity() > PIECES {
            // Connections that were busy once are not to be large for ever.
            self.rest = VecDeque::new();
        }
        Poll::Ready(Ok(wrote))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while written >= self.first.len() && !self.first.is_empty() {
            written -= self.first.len();
            self.first = self.rest.pop_front().unwrap_or_default();
        }
        self.first.advance(written);
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use tokio::io::AsyncReadExt;

    use super::Outgoing;

    #[tokio::test]
    async fn pieces_arrive_whole_and_in_order_however_little_the_socket_takes() {
        // Pieces that end where a write ends, within one, and after several.
        for room in [1, 2, 3, 5, 64] {
            let (mut near, mut far) = tokio::io::duplex(room);
            let mut outgoing = Outgoing::default();
            let mut sent = Vec::new();
            for piece in [&b"ab"[..], b"", b"c", b"defgh", b"ij", b"k"] {
                outgoing.push(piece.to_vec());
                sent.extend_from_slice(piece);
            }
            assert_eq!(outgoing.bytes(), sent.len());
            let write = async {
                while outgoing.waits() {
                    poll_fn(|cx| outgoing.poll_write(pin!(&mut near), cx)).await.unwrap();
                }
                outgoing.push(b"l".to_vec());
                poll_fn(|cx| outgoing.poll_write(pin!(&mut near), cx)).await.unwrap();
            };
            sent.push(b'l');
            let mut arrived = vec![0; sent.len()];
            let (_, read) = tokio::join!(write, far.read_exact(&mut arrived));
            read.unwrap();
            assert_eq!(arrived, sent, "{room} bytes at a time");
        }
    }
}
