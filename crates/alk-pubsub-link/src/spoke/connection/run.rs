use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use alk_pubsub_core::{Error as CoreError, ErrorKind as CoreErrorKind, Router, Topic};
use tokio::time::{Instant, Sleep};

use super::clocks::{Clocks, GOODBYE};
use super::token::{Refresh, Tokens};
use crate::close_code::CloseCode;
use crate::error::Error;
use crate::give_way::give_way;
use crate::pipe::Pipe;
use crate::spoke::machine::Effect;
use crate::spoke::shared::{Phase, Shared};

/// How many frames are read before others have their turn, and how many rounds are made. Among the others are those who take
/// what was read: one with a queue of the usual size is not overrun before it could run at all.
pub(super) const TURN: usize = 64;

/// A pipe and what goes on on it. Everything is polled by one task, reading never waits for writing.
pub(in crate::spoke) struct Connection<'a, P> {
    pub(super) shared: &'a Shared,
    pub(super) router: &'a Router,
    pub(super) pipe: P,
    /// New tokens that the hub is to have.
    pub(super) refresh: Refresh<'a>,
    pub(super) effects: Vec<Effect>,
    /// The topic of the event that was received last.
    pub(super) last_topic: Option<Topic>,
    /// Frames to give to the pipe.
    pub(super) batch: Vec<u8>,
    pub(super) bad_frames: u64,
    pub(super) clocks: Clocks,
    pub(super) unheard: Unheard,
    /// Whether the pipe was ready for more when it was asked last.
    pub(super) was_ready: bool,
    /// The pipe is being closed, and until when.
    leaving: Option<(Outcome, Pin<Box<Sleep>>)>,
}

/// Events to which no answer comes: only a connection that ends as it should says that they have arrived.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    /// Whether some were sent on this connection.
    pub(super) some: bool,
    /// Whether the pipe has some that it has not written yet.
    pub(super) on_its_way: bool,
}

/// How a connection ended.
#[derive(Debug)]
pub(in crate::spoke) enum Outcome {
    /// It broke, or was of no use.
    Lost(Error),
    /// The hub has closed the link.
    SentAway { reason: String, reconnect: bool, retry: Option<Duration> },
    /// It was to end.
    Closed(Result<(), CoreError>),
}

/// How a round of work went.
enum Round {
    /// There is more to do.
    Again,
    /// There may be more to read, and others are to have their turn first.
    Enough,
    /// Nothing to do until something happens.
    Idle,
}

impl<'a, P: Pipe> Connection<'a, P> {
    /// The hub must have said welcome by `deadline`.
    pub(in crate::spoke) fn new(
        shared: &'a Shared,
        router: &'a Router,
        tokens: &'a dyn Tokens,
        pipe: P,
        deadline: Instant,
    ) -> Self {
        shared.connected(pipe.wire());
        Self {
            shared,
            router,
            pipe,
            refresh: Refresh::new(tokens),
            effects: Vec::new(),
            last_topic: None,
            batch: Vec::new(),
            bad_frames: 0,
            clocks: Clocks::new(&shared.options, deadline),
            unheard: Unheard::default(),
            was_ready: true,
            leaving: None,
        }
    }

    /// Runs it to its end. Not cancel safe: dropped, it loses what it was about to send.
    pub(in crate::spoke) async fn run(mut self) -> Outcome {
        let outcome = poll_fn(|cx| self.poll(cx)).await;
        if self.unheard.on_its_way && !matches!(outcome, Outcome::Closed(Ok(()))) {
            self.shared.lost();
        }
        outcome
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        for _ in 0..TURN {
            if self.leaving.is_some() {
                return self.poll_leave(cx);
            }
            match self.round(cx) {
                Ok(Round::Again) => {}
                Ok(Round::Enough) => break,
                Ok(Round::Idle) => return Poll::Pending,
                Err(ended) => return Poll::Ready(ended),
            }
        }
        give_way(cx);
        Poll::Pending
    }

    fn round(&mut self, cx: &mut Context<'_>) -> Result<Round, Outcome> {
        self.shared.register(cx);
        let enough = self.read(cx)?;
        let mut again = false;
        if !self.is_leaving() {
            self.poll_clocks(cx)?;
            self.poll_token(cx)?;
            again = self.write(cx)?;
            self.look_at_phase(cx);
        }
        Ok(if self.is_leaving() {
            Round::Again
        } else if enough {
            Round::Enough
        } else if again {
            Round::Again
        } else {
            Round::Idle
        })
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Nothing is sent or received any more; the pipe is closed properly if it can be in that time.
    pub(super) fn leave(&mut self, outcome: Outcome, at_most: Duration) {
        self.leaving.get_or_insert_with(|| (outcome, Box::pin(tokio::time::sleep(at_most))));
    }

    /// Whether the link is to end.
    fn look_at_phase(&mut self, cx: &mut Context<'_>) {
        let (phase, done) = {
            let core = self.shared.lock();
            (core.phase().clone(), core.publishes.is_done() && self.batch.is_empty())
        };
        match phase {
            Phase::Open => {}
            Phase::Dropped | Phase::Ended(_) => self.leave(Outcome::Closed(Ok(())), GOODBYE),
            Phase::Closing(deadline) if done => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.leave(Outcome::Closed(Ok(())), left.max(GOODBYE));
            }
            Phase::Closing(deadline) => {
                if self.clocks.closing(deadline, cx).is_ready() {
                    self.leave(Outcome::Closed(Err(self.shared.unsent())), GOODBYE);
                }
            }
        }
    }

    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let closed = self.pipe.poll_close(cx, CloseCode::Normal, "");
        let Some((outcome, at_most)) = &mut self.leaving else { return Poll::Pending };
        let ended = match (&*outcome, &closed) {
            // When the hub ends its side as well, it has read everything.
            (Outcome::Closed(Ok(())), Poll::Ready(Ok(()))) => poll_end(&mut self.pipe, cx),
            (_, Poll::Ready(closed)) => Poll::Ready(closed.is_ok()),
            (_, Poll::Pending) => Poll::Pending,
        };
        if ended == Poll::Ready(false) && self.unheard.some {
            // The pipe broke: nobody knows how much of it the hub has read.
            self.shared.lost();
        }
        if ended.is_pending() {
            std::task::ready!(at_most.as_mut().poll(cx));
            if let Outcome::Closed(result @ Ok(())) = outcome
                && closed.is_pending()
            {
                let message = "the hub did not take all that was sent before the link was closed";
                *result = Err(CoreError::new(CoreErrorKind::Timeout, message));
            }
        }
        match self.leaving.take() {
            Some((outcome, _)) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

/// Reads on without looking at it until the other end has closed the pipe; whether it did, and the pipe did not break.
fn poll_end(pipe: &mut impl Pipe, cx: &mut Context<'_>) -> Poll<bool> {
    loop {
        match std::task::ready!(pipe.poll_receive(cx)) {
            Some(Ok(_)) => {}
            Some(Err(_)) => return Poll::Ready(false),
            None => return Poll::Ready(true),
        }
    }
}
