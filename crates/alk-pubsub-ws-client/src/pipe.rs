use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use alk_pubsub_link::{CloseCode, Error, ErrorCode, ErrorKind, Frames, Pipe, Received, Wire};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WsCloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use crate::error::broken;
use crate::stream::BoxStream;

/// How many bytes of frames may wait before the pipe is not ready for more.
const WAITING: usize = 64 << 10;

/// What a close frame may say besides its code.
const MAX_REASON: usize = 123;

/// A WebSocket as a pipe of frames. Messages are handed to it one by one when it is ready, and flushed together.
pub(crate) struct WsPipe {
    socket: WebSocketStream<BoxStream>,
    wire: Wire,
    waiting: VecDeque<Frames>,
    waiting_bytes: usize,
    ping: bool,
    closing: bool,
    /// The other end has closed, for this reason.
    goodbye: Option<Error>,
}

/// Small buffers: a spoke has one connection, but a process may have many spokes, and frames are small.
pub(crate) fn socket_config(max_frame_bytes: usize) -> WebSocketConfig {
    // What is a little too large is counted by the link, what is far too large breaks the connection.
    let hard = max_frame_bytes.saturating_add(64 << 10);
    WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(16 << 10)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(hard))
        .max_frame_size(Some(hard))
}

impl WsPipe {
    pub(crate) fn new(socket: WebSocketStream<BoxStream>, wire: Wire) -> Self {
        Self {
            socket,
            wire,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            ping: false,
            closing: false,
            goodbye: None,
        }
    }

    fn message(&self, frame: Bytes) -> Message {
        if !self.wire.is_text() {
            return Message::Binary(frame);
        }
        match Utf8Bytes::try_from(frame.clone()) {
            Ok(text) => Message::Text(text),
            // Something in it that nobody has looked at; JSON is taken in binary frames too.
            Err(_) => Message::Binary(frame),
        }
    }

    /// Hands what waits to the socket as far as it takes it.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self.ping || !self.waiting.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(broken)?;
            let message = if std::mem::take(&mut self.ping) {
                Message::Ping(Bytes::new())
            } else if let Some(frame) = self.next_waiting() {
                self.message(frame)
            } else {
                continue;
            };
            Pin::new(&mut self.socket).start_send(message).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }

    fn next_waiting(&mut self) -> Option<Bytes> {
        let frames = self.waiting.front_mut()?;
        let before = frames.len();
        let frame = frames.next();
        self.waiting_bytes -= before - frames.len();
        if frames.is_empty() {
            self.waiting.pop_front();
        }
        frame
    }

    /// Sends the answer to a close frame, then says why it came. A server may keep the connection open for long.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        // Whether it gets there does not matter any more.
        let _ = ready!(Pin::new(&mut self.socket).poll_flush(cx));
        Poll::Ready(self.goodbye.take().map(Err))
    }
}

/// Whether a close frame says nothing but that it is over.
fn is_done(frame: Option<&CloseFrame>) -> bool {
    frame.is_none_or(|frame| frame.code == WsCloseCode::Normal)
}

/// A close frame as an error. Whether to come back is what `__close` says, which a hub sends before: code 1008 alone does
/// not mean that another attempt is in vain, since hubs close so for too many bad frames and for a token that has ended, and
/// the next connection has neither. Only a reason that says that we are not allowed in is taken at its word.
fn closed(frame: Option<CloseFrame>) -> Error {
    let Some(CloseFrame { code, reason }) = frame else {
        return Error::new(ErrorKind::Closed, "the hub has closed the connection");
    };
    let message = match &*reason {
        "" => format!("the hub has closed the connection, with code {code}"),
        reason => format!("the hub has closed the connection, with code {code}: {reason}"),
    };
    let refused = code == WsCloseCode::Policy && ErrorCode::from_name(&reason) == Some(ErrorCode::Forbidden);
    Error::new(if refused { ErrorKind::Refused } else { ErrorKind::Closed }, message)
}

/// As much of a reason as a close frame can hold.
fn short(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

impl Pipe for WsPipe {
    fn wire(&self) -> Wire {
        self.wire
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        if self.goodbye.is_some() {
            return self.poll_goodbye(cx);
        }
        let received = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
            None | Some(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => {
                None
            }
            Some(Ok(Message::Text(text))) => Some(Ok(Received::Frame(text.into()))),
            Some(Ok(Message::Binary(bytes))) => Some(Ok(Received::Frame(bytes))),
            // It answers ours, and has read everything.
            Some(Ok(Message::Close(frame))) if self.closing && is_done(frame.as_ref()) => None,
            Some(Ok(Message::Close(frame))) => {
                self.goodbye = Some(closed(frame));
                return self.poll_goodbye(cx);
            }
            Some(Ok(_)) => Some(Ok(Received::Pulse)),
            Some(Err(error)) => Some(Err(broken(error))),
        };
        Poll::Ready(received)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.waiting_bytes >= WAITING {
            return self.poll_hand_over(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        if !frames.is_empty() {
            self.waiting_bytes += frames.len();
            self.waiting.push_back(frames);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_hand_over(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        if !self.closing {
            ready!(self.poll_hand_over(cx))?;
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(broken)?;
            let frame = CloseFrame { code: WsCloseCode::from(code.code()), reason: short(reason).into() };
            self.closing = true;
            match Pin::new(&mut self.socket).start_send(Message::Close(Some(frame))) {
                // The other end was faster.
                Ok(()) | Err(tungstenite::Error::ConnectionClosed) => {}
                Err(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::SendAfterClosing)) => {}
                Err(error) => return Poll::Ready(Err(broken(error))),
            }
        }
        match ready!(Pin::new(&mut self.socket).poll_flush(cx)) {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(broken(error))),
        }
    }

    fn ping(&mut self) -> Result<bool, Error> {
        self.ping = true;
        Ok(true)
    }
}

impl fmt::Debug for WsPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsPipe")
            .field("wire", &self.wire)
            .field("waiting", &self.waiting_bytes)
            .finish_non_exhaustive()
    }
}
