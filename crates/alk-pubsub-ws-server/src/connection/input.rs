//! Reading frames: tungstenite takes them apart, from a buffer that all connections of a thread share.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// What a connection keeps to itself: enough for small frames, so that idle connections are small.
const OWN_BUFFER: usize = 512;
/// What is read at once.
const SHARED_BUFFER: usize = 16 << 10;
/// Beyond the largest frame that is answered with `too_large`, frames that are larger by up to this are still read.
pub(super) const TOLERANCE: usize = 64 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The reading half of a server's WebSocket.
pub(super) struct Input {
    context: WebSocketContext,
}

/// What was read.
pub(super) enum Read1 {
    /// A message, and whether it is text.
    Message { data: tungstenite::Bytes, text: bool },
    /// A ping or pong; a ping is answered already.
    Heartbeat,
    /// The peer closes; the answer is in what is to be written.
    Close,
}

/// Why reading has ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The peer is gone, with or without a word.
    Gone,
    /// A frame is too large to be read.
    TooLarge,
    /// The peer does not speak the protocol: the code of the close frame, and why.
    Protocol(u16, String),
}

impl Input {
    pub(super) fn new(max_frame_bytes: usize) -> Self {
        let hard_limit = max_frame_bytes.saturating_add(TOLERANCE);
        let config = WebSocketConfig::default()
            .read_buffer_size(OWN_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(hard_limit))
            .max_frame_size(Some(hard_limit));
        Self { context: WebSocketContext::new(Role::Server, Some(config)) }
    }

    /// Reads once from the socket and hands out the messages in it. What tungstenite answers by itself is appended to
    /// `replies`.
    pub(super) fn poll_read(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        replies: &mut Vec<u8>,
        each: &mut dyn FnMut(Read1),
    ) -> Poll<Result<(), Ended>> {
        BUFFER.with(|shared| match shared.try_borrow_mut() {
            Ok(mut buffer) => self.read_into(&mut buffer, io, cx, replies, each),
            // Somebody runs another connection from within a callback of this one.
            Err(_) => self.read_into(&mut Vec::new(), io, cx, replies, each),
        })
    }

    fn read_into(
        &mut self,
        buffer: &mut Vec<u8>,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        replies: &mut Vec<u8>,
        each: &mut dyn FnMut(Read1),
    ) -> Poll<Result<(), Ended>> {
        buffer.resize(SHARED_BUFFER, 0);
        let mut filled = ReadBuf::new(buffer);
        let Ok(()) = ready!(io.poll_read(cx, &mut filled)) else { return Poll::Ready(Err(Ended::Gone)) };
        let input = filled.filled();
        if input.is_empty() {
            return Poll::Ready(Err(Ended::Gone));
        }
        let mut stream = Memory { input, replies };
        loop {
            match self.context.read(&mut stream) {
                Ok(Message::Text(text)) => each(Read1::Message { data: text.into(), text: true }),
                Ok(Message::Binary(data)) => each(Read1::Message { data, text: false }),
                Ok(Message::Ping(_) | Message::Pong(_)) => each(Read1::Heartbeat),
                Ok(Message::Close(_)) => each(Read1::Close),
                // Whole frames come only when frames are read.
                Ok(Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Ok(()));
                }
                Err(Error::Capacity(_)) => return Poll::Ready(Err(Ended::TooLarge)),
                Err(Error::Utf8(error)) => {
                    return Poll::Ready(Err(Ended::Protocol(1007, format!("invalid UTF-8: {error}"))));
                }
                Err(Error::Protocol(error)) => {
                    return Poll::Ready(Err(Ended::Protocol(1002, error.to_string())));
                }
                Err(_) => return Poll::Ready(Err(Ended::Gone)),
            }
        }
    }
}

/// What tungstenite takes for the socket: bytes that were read, and a place for its answers.
struct Memory<'a> {
    input: &'a [u8],
    replies: &'a mut Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(into)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, reply: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(reply);
        Ok(reply.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
