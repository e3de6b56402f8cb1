use std::task::{Context, Poll};

use bytes::Bytes;

use super::frames::Frames;
use crate::close_code::CloseCode;
use crate::error::Error;
use crate::frame::Wire;

/// A bidirectional pipe of frames, with back-pressure: one end of a link.
///
/// Both directions are polled by one task. Nothing here is a future that could be dropped half done: what
/// [`send`](Self::send) has taken is written by [`poll_flush`](Self::poll_flush), however often that is polled in between
/// other things.
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use alk_pubsub_link::{Frames, Pipe, Received, Wire, memory_pipe};
///
/// let (mut here, mut there) = memory_pipe(Wire::Json, 1024);
/// let mut cx = Context::from_waker(Waker::noop());
///
/// assert!(here.poll_ready(&mut cx).is_ready());
/// here.send([&b"one"[..], b"two"].into_iter().collect::<Frames>())?;
/// let Poll::Ready(Some(Ok(Received::Frame(frame)))) = there.poll_receive(&mut cx) else { panic!() };
/// assert_eq!(frame, "one");
/// # Ok::<(), alk_pubsub_link::Error>(())
/// ```
pub trait Pipe: Send + Unpin + 'static {
    /// The encoding of the frames, on which both ends have agreed.
    fn wire(&self) -> Wire;

    /// What has arrived. `None` at the end: the other end has closed the pipe.
    ///
    /// # Errors
    ///
    /// The pipe broke. Nothing follows.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>>;

    /// Ready when there is room for more; `Pending` while what was sent before has not gone yet.
    ///
    /// # Errors
    ///
    /// The pipe broke.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Takes frames to be written behind those that were taken before. To be called when the pipe is
    /// [ready](Self::poll_ready); it takes them otherwise too, so a pipe is never the place where a frame is lost, and the caller
    /// sees to the bound.
    ///
    /// # Errors
    ///
    /// The pipe broke.
    fn send(&mut self, frames: Frames) -> Result<(), Error>;

    /// Writes what was taken; ready when all of it has gone. Also needed for what the pipe sends by itself.
    ///
    /// # Errors
    ///
    /// The pipe broke.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Writes what was taken, then ends the pipe. `code` and `reason` tell the other end why, where the pipe can.
    ///
    /// # Errors
    ///
    /// The pipe broke.
    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>>;

    /// Asks the other end for a sign of life; whether the pipe can. The provided method says that it cannot: the end of
    /// a pipe within one machine is noticed without.
    ///
    /// # Errors
    ///
    /// The pipe broke.
    fn ping(&mut self) -> Result<bool, Error> {
        Ok(false)
    }
}

/// What arrives on a [`Pipe`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A frame.
    Frame(Bytes),
    /// A frame of so many bytes, more than the pipe takes, which it has passed over.
    TooLarge(usize),
    /// A sign of life, such as the answer to a [ping](Pipe::ping).
    Pulse,
}

impl<P: Pipe + ?Sized> Pipe for Box<P> {
    fn wire(&self) -> Wire {
        (**self).wire()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        (**self).poll_receive(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        (**self).poll_ready(cx)
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        (**self).send(frames)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        (**self).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        (**self).poll_close(cx, code, reason)
    }

    fn ping(&mut self) -> Result<bool, Error> {
        (**self).ping()
    }
}
