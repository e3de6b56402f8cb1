use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::contract::{Pipe, Received};
use super::frames::Frames;
use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind};
use crate::frame::Wire;

/// One end of a pipe within the process, see [`memory_pipe`].
pub struct MemoryPipe {
    wire: Wire,
    incoming: Arc<Lane>,
    outgoing: Arc<Lane>,
    /// What was taken from the lane already.
    reading: Frames,
}

/// Both ends of a pipe within the process, for tests and for links between threads.
///
/// In each direction `capacity` bytes may wait, and what was sent before that was exceeded; then the sender is not
/// [ready](Pipe::poll_ready). Dropping one end ends the other.
#[must_use]
pub fn memory_pipe(wire: Wire, capacity: usize) -> (MemoryPipe, MemoryPipe) {
    let lane = || Arc::new(Lane { capacity: capacity.max(1), state: Mutex::default() });
    let (up, down) = (lane(), lane());
    let end = |incoming: &Arc<Lane>, outgoing: &Arc<Lane>| MemoryPipe {
        wire,
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
        reading: Frames::default(),
    };
    (end(&up, &down), end(&down, &up))
}

/// One direction.
struct Lane {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frames>,
    bytes: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let wakers = {
            let mut state = self.lock();
            state.ended = true;
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Ready when at most so many bytes wait.
    fn poll_at_most(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.lock();
        if state.ended {
            return Poll::Ready(Err(ended()));
        }
        if state.bytes <= bytes {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Closed, "the other end of the pipe is gone")
}

impl Pipe for MemoryPipe {
    fn wire(&self) -> Wire {
        self.wire
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        // There is no socket that would make a busy reader give way to others.
        let coop = std::task::ready!(tokio::task::coop::poll_proceed(cx));
        let next = loop {
            if let Some(frame) = self.reading.next() {
                break Some(Ok(Received::Frame(frame)));
            }
            let mut state = self.incoming.lock();
            if let Some(frames) = state.frames.pop_front() {
                state.bytes -= frames.len();
                self.reading = frames;
                let writer = state.writer.take();
                drop(state);
                writer.into_iter().for_each(Waker::wake);
            } else if state.ended {
                break None;
            } else {
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
        };
        coop.made_progress();
        Poll::Ready(next)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.outgoing.poll_at_most(self.outgoing.capacity - 1, cx)
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        let reader = {
            let mut state = self.outgoing.lock();
            if state.ended {
                return Err(ended());
            }
            if frames.is_empty() {
                return Ok(());
            }
            state.bytes += frames.len();
            state.frames.push_back(frames);
            state.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// What was sent waits at the other end already, so it has gone when there is room again.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_ready(cx)
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: CloseCode, _: &str) -> Poll<Result<(), Error>> {
        self.outgoing.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryPipe {
    fn drop(&mut self) {
        self.outgoing.end();
        self.incoming.end();
    }
}

impl fmt::Debug for MemoryPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPipe").field("wire", &self.wire).finish_non_exhaustive()
    }
}
