use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use alk_pubsub_link::{CloseCode, Error, Frames, LengthDelimited, Pipe, Received, Wire};
use tokio::net::UnixStream;

use super::control::{Control, Word};

/// How many writes the end of a worker waits behind, where others publish without a pause.
const PATIENCE: u32 = 256;

/// One end of the link between a host and a process: frames behind their length, and [words](Word) in between.
pub(super) struct Port {
    pipe: LengthDelimited<UnixStream>,
    control: Arc<Control>,
    /// Whether this end asks for signs of life. The worker's does not: it sees the end of the socket when the host is gone.
    asks: bool,
    /// Something was sent since the last flush.
    busy: bool,
    /// The pipe takes nothing now, so what is to be sent waits elsewhere.
    full: bool,
    writes: u32,
}

impl Port {
    pub(super) fn new(socket: UnixStream, max_frame_bytes: usize, asks: bool, control: Arc<Control>) -> Self {
        let pipe = LengthDelimited::new(socket, Wire::Json, max_frame_bytes);
        Self { pipe, control, asks, busy: false, full: false, writes: 0 }
    }

    fn say(&mut self, word: Word) -> Result<(), Error> {
        self.pipe.send([word.frame()].into_iter().collect())
    }

    fn hear(&mut self, word: Word) -> Result<(), Error> {
        match word {
            Word::Ask => self.say(Word::Answer)?,
            Word::Answer => {}
            Word::End => self.control.hear(|heard| heard.end = true),
            Word::Ready => self.control.hear(|heard| heard.ready = true),
        }
        Ok(())
    }

    /// Says what is to be said. The end comes behind all frames that were there before it.
    fn speak(&mut self) -> Result<(), Error> {
        if self.control.take_ready() {
            self.say(Word::Ready)?;
        }
        if self.control.is_ending() && !self.full {
            self.writes += 1;
            if !self.busy || self.writes > PATIENCE {
                self.control.said_end();
                self.say(Word::End)?;
            }
        }
        self.busy = false;
        Ok(())
    }
}

impl Pipe for Port {
    fn wire(&self) -> Wire {
        self.pipe.wire()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        let received = std::task::ready!(self.pipe.poll_receive(cx));
        let word = match &received {
            Some(Ok(Received::Frame(frame))) => Word::of(frame),
            _ => None,
        };
        Poll::Ready(match word {
            Some(word) => Some(self.hear(word).map(|()| Received::Pulse)),
            None => received,
        })
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = self.pipe.poll_ready(cx);
        self.full = ready.is_pending();
        ready
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        self.busy = true;
        self.pipe.send(frames)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.control.register(cx.waker());
        self.speak()?;
        let flushed = self.pipe.poll_flush(cx);
        if self.control.is_ending() && flushed.is_ready() {
            // What came before has gone: once more, to see whether there is more of it.
            cx.waker().wake_by_ref();
        }
        flushed
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        self.pipe.poll_close(cx, code, reason)
    }

    fn ping(&mut self) -> Result<bool, Error> {
        if self.asks {
            self.say(Word::Ask)?;
        }
        Ok(self.asks)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}
