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

/// What a control frame of a client has before its data.
const CONTROL_HEADER: usize = 6;
/// How often a message may come over in bytes: in fragments of a byte each it takes seven for one. What is longer consists
/// of fragments of nothing.
const FRAGMENTED: usize = 8;
/// A peer that sends less than this between two pings, and nothing whole, is not there as far as anybody can use it.
const TRICKLE: usize = 1 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The reading half of a server's WebSocket.
pub(super) struct Input {
    context: WebSocketContext,
    /// Bytes of a message that is not complete yet.
    unfinished: usize,
    most_unfinished: usize,
    /// Bytes of which nobody has heard yet that they arrived.
    trickle: usize,
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
        let context = WebSocketContext::new(Role::Server, Some(config));
        Self { context, unfinished: 0, most_unfinished: hard_limit.saturating_mul(FRAGMENTED), trickle: 0 }
    }

    /// Reads once from the socket and hands out the messages in it. What tungstenite answers by itself is appended to
    /// `replies`. Ready with whether it was enough to take the peer for alive.
    pub(super) fn poll_read(
        &mut self,
        io: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        replies: &mut Vec<u8>,
        each: &mut dyn FnMut(Read1),
    ) -> Poll<Result<bool, Ended>> {
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
    ) -> Poll<Result<bool, Ended>> {
        buffer.resize(SHARED_BUFFER, 0);
        let mut filled = ReadBuf::new(buffer);
        let Ok(()) = ready!(io.poll_read(cx, &mut filled)) else { return Poll::Ready(Err(Ended::Gone)) };
        let input = filled.filled();
        if input.is_empty() {
            return Poll::Ready(Err(Ended::Gone));
        }
        self.unfinished += input.len();
        self.trickle += input.len();
        let mut alive = self.trickle >= TRICKLE;
        let mut stream = Memory { input, replies };
        loop {
            let message = self.context.read(&mut stream);
            alive |= message.is_ok();
            match message {
                Ok(Message::Text(text)) => {
                    self.unfinished = 0;
                    each(Read1::Message { data: text.into(), text: true });
                }
                Ok(Message::Binary(data)) => {
                    self.unfinished = 0;
                    each(Read1::Message { data, text: false });
                }
                Ok(Message::Ping(data) | Message::Pong(data)) => {
                    // Between the fragments of a message, and no part of it.
                    self.unfinished = self.unfinished.saturating_sub(CONTROL_HEADER + data.len());
                    each(Read1::Heartbeat);
                }
                Ok(Message::Close(_)) => each(Read1::Close),
                // Whole frames come only when frames are read.
                Ok(Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.unfinished > self.most_unfinished {
                        return Poll::Ready(Err(Ended::TooLarge));
                    }
                    if alive {
                        self.trickle = 0;
                    }
                    return Poll::Ready(Ok(alive));
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
