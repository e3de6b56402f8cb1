use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alk_pubsub_core::EventTarget;
use bytes::Bytes;
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use super::limits::Limits;
use super::options::ServeOptions;
use super::session::{Outbox, Session};
use crate::close_code::CloseCode;
use crate::code::ErrorCode;
use crate::error::{Error, ErrorKind};
use crate::frame::Refusal;
use crate::give_way::give_way;
use crate::heartbeat::{Beat, Heartbeat};
use crate::pipe::{Frames, LengthPrefixed, Pipe, Received};

/// How much is taken from the target at once.
const BATCH: usize = 64 << 10;

/// How many frames are read before others have their turn, and how many rounds are made. Among the others are those who take
/// what was read: one with a queue of the usual size is not overrun before it could run at all.
const TURN: usize = 64;

/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(5);

/// How often a pipe that takes nothing is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// After how many milliseconds a spoke may come back, at the earliest, when the hub has gone away.
const COME_BACK_MS: u64 = 1000;

/// Serves an event target to the spoke at the other end of a pipe.
///
/// The future runs the link to its end: until the spoke has gone, was sent away, or the target was closed. It is one
/// task's worth of work, and does nothing unless it is polled. Dropping it ends the link and unsubscribes everything.
///
/// # Errors
///
/// The pipe broke, or the spoke gave no sign of life.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, InProcessEventTarget, PubSub};
/// use alk_pubsub_link::{ConnectionInfo, ServeOptions, SpokeOptions, Wire, link_over, memory_pipe, serve};
///
/// let hub = InProcessEventTarget::in_process();
/// let (here, there) = memory_pipe(Wire::Json, 64 << 10);
/// let served = tokio::spawn(serve(hub.clone(), here, ServeOptions::new(ConnectionInfo::new("1", None))));
///
/// let spoke = PubSub::<Dynamic>::new(link_over(there, SpokeOptions::default()));
/// let mut ticks = spoke.subscribe("tick").await?;
/// PubSub::<Dynamic>::new(hub).publish("tick", "a", 1.into()).await?;
/// assert_eq!(ticks.recv().await.expect("open").payload().as_u64(), Some(1));
///
/// spoke.close().await?;
/// served.await.expect("no panic").expect("closed by the spoke");
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
pub fn serve<P: Pipe>(target: impl EventTarget, pipe: P, options: ServeOptions) -> Serve<P> {
    Serve::new(Arc::new(target), pipe, options)
}

/// The future of [`serve`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Serve<P> {
    session: Session,
    out: PipeOutbox<P>,
    limits: Arc<Limits>,
    until: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Made when it is first polled, since timers need a runtime.
    clocks: Option<Clocks>,
    /// While the pipe is being closed.
    closing: Option<Pin<Box<Sleep>>>,
}

struct Clocks {
    /// `None` where the pipe cannot ask for a sign of life.
    heartbeat: Option<Heartbeat>,
    /// To keep the queue of a pipe that takes nothing within its bounds.
    look: Interval,
}

/// What a session leaves is written to the pipe at once; the session is not asked for more than the pipe takes.
struct PipeOutbox<P> {
    pipe: P,
    close: Option<(CloseCode, &'static str)>,
    broken: Option<Error>,
}

impl<P: Pipe> Outbox for PipeOutbox<P> {
    fn write(&mut self, frames: Bytes) {
        if let Err(error) = self.pipe.send(Frames::from_prefixed(frames)) {
            self.broken.get_or_insert(error);
        }
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.close = Some((code, reason));
    }
}

/// How a round of work went.
enum Round {
    /// There may be more to do.
    Again,
    /// There may be more to read, and others are to have their turn first.
    Enough,
    /// Nothing to do until something happens.
    Idle,
    Ended(Result<(), Error>),
}

impl<P: Pipe> Serve<P> {
    fn new(target: Arc<dyn EventTarget>, pipe: P, options: ServeOptions) -> Self {
        let ServeOptions { connection, limits, authorizer, stats, until } = options;
        let framing = Arc::new(LengthPrefixed::new(pipe.wire()));
        let mut out = PipeOutbox { pipe, close: None, broken: None };
        let session = Session::new(target, connection, framing, limits.clone(), authorizer, stats, &mut out);
        Self { session, out, limits, until, clocks: None, closing: None }
    }

    fn round(&mut self, cx: &mut Context<'_>) -> Round {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            self.until = None;
            self.session.close(CloseCode::GoingAway, "shutdown", Some(COME_BACK_MS), &mut self.out);
        }
        let enough = match self.read(cx) {
            Ok(more) => more,
            Err(ended) => return Round::Ended(ended),
        };
        let room = match self.out.pipe.poll_ready(cx) {
            Poll::Ready(Err(error)) => return Round::Ended(Err(error)),
            Poll::Ready(Ok(())) => BATCH,
            Poll::Pending => 0,
        };
        let again = self.session.poll(cx, room, &mut self.out).is_ready();
        if let Poll::Ready(Err(error)) = self.out.pipe.poll_flush(cx) {
            return Round::Ended(Err(error));
        }
        if let Some(error) = self.out.broken.take() {
            return Round::Ended(Err(error));
        }
        if let Err(silent) = self.clocks(cx, room == 0) {
            return Round::Ended(Err(silent));
        }
        if self.out.close.is_some() {
            Round::Again
        } else if enough {
            Round::Enough
        } else if again {
            Round::Again
        } else {
            Round::Idle
        }
    }

    /// Reads some frames, as long as there is room for the answers. Whether there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Result<(), Error>> {
        let mut heard = false;
        let mut more = true;
        for _ in 0..TURN {
            if !self.session.wants_input() {
                // It is not the other end's fault that nothing is heard of it.
                heard = true;
                more = false;
                break;
            }
            match self.out.pipe.poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Err(error)),
                Poll::Pending => {
                    more = false;
                    break;
                }
            }
            let Poll::Ready(received) = self.out.pipe.poll_receive(cx) else {
                more = false;
                break;
            };
            heard = true;
            match received {
                None => return Err(Ok(())),
                Some(Err(error)) => return Err(Err(error)),
                Some(Ok(Received::Frame(frame))) if frame.len() > self.limits.max_frame_bytes => {
                    self.session.refuse(too_large(frame.len(), &self.limits), &mut self.out);
                }
                Some(Ok(Received::Frame(frame))) => self.session.receive(&frame, &mut self.out),
                Some(Ok(Received::TooLarge(len))) => {
                    self.session.refuse(too_large(len, &self.limits), &mut self.out);
                }
                Some(Ok(Received::Pulse)) => {}
            }
        }
        if heard && let Some(Clocks { heartbeat: Some(heartbeat), .. }) = &mut self.clocks {
            heartbeat.heard();
        }
        Ok(more)
    }

    fn clocks(&mut self, cx: &mut Context<'_>, blocked: bool) -> Result<(), Error> {
        let limits = &self.limits;
        let clocks = self.clocks.get_or_insert_with(|| {
            let mut look = tokio::time::interval(LOOK);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Clocks { heartbeat: Some(Heartbeat::new(limits.heartbeat, limits.heartbeat_timeout)), look }
        });
        while blocked && clocks.look.poll_tick(cx).is_ready() {
            self.session.keep_within_bounds();
        }
        while let Some(heartbeat) = &mut clocks.heartbeat
            && let Poll::Ready(beat) = heartbeat.poll(cx)
        {
            match beat {
                Beat::Silent => {
                    return Err(Error::new(ErrorKind::Timeout, "the spoke gave no sign of life"));
                }
                Beat::Ask if self.out.pipe.ping()? => {
                    // What a ping leaves in the pipe has to be written, even if it cannot be now.
                    if let Poll::Ready(flushed) = self.out.pipe.poll_flush(cx) {
                        flushed?;
                    }
                }
                Beat::Ask => clocks.heartbeat = None,
            }
        }
        Ok(())
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        let deadline = self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(CLOSING)));
        match self.out.pipe.poll_close(cx, code, reason) {
            Poll::Pending if deadline.as_mut().poll(cx).is_ready() => {
                let message = "the spoke did not take what was sent before the link was closed";
                Poll::Ready(Err(Error::new(ErrorKind::Timeout, message)))
            }
            polled => polled,
        }
    }
}

fn too_large(len: usize, limits: &Limits) -> Refusal {
    Refusal {
        reference: String::new(),
        code: ErrorCode::TooLarge,
        message: format!("a frame of {len} bytes; {} are allowed", limits.max_frame_bytes),
        topic: None,
    }
}

impl<P: Pipe> Future for Serve<P> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        for _ in 0..TURN {
            if let Some((code, reason)) = this.out.close {
                return this.poll_close(cx, code, reason);
            }
            match this.round(cx) {
                Round::Again => {}
                Round::Enough => break,
                Round::Idle => return Poll::Pending,
                Round::Ended(result) => return Poll::Ready(result),
            }
        }
        give_way(cx);
        Poll::Pending
    }
}

impl<P> fmt::Debug for Serve<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("session", &self.session).finish_non_exhaustive()
    }
}
