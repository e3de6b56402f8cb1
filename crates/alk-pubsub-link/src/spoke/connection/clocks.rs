use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::run::{Connection, Outcome};
use crate::error::{Error, ErrorKind};
use crate::heartbeat::{Beat, Heartbeat};
use crate::pipe::Pipe;
use crate::spoke::options::SpokeOptions;

/// How long to wait before asking again for what the hub could not do.
const RETRY: Duration = Duration::from_millis(250);

/// How long published events wait for interests that the hub does not decide after a reconnect.
const SETTLE: Duration = Duration::from_secs(10);

/// How long a pipe that is not needed any more may take to be closed properly.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

type Alarm = Pin<Box<Sleep>>;

/// All that a connection waits for by the clock.
pub(super) struct Clocks {
    opening: Opening,
    /// `None` where the pipe cannot ask for a sign of life.
    heartbeat: Option<Heartbeat>,
    /// When to ask again.
    retry: Option<Alarm>,
    /// While the pipe takes nothing: when that is too long.
    stalled: Option<Alarm>,
    patience: Duration,
    /// When publishes up to this number must have been answered.
    answers: Option<(Alarm, u64)>,
    answer_patience: Duration,
    closing: Option<Alarm>,
}

enum Opening {
    /// Until then the hub must have said welcome.
    Welcome(Alarm),
    /// Until then what was published waits for all interests to be active.
    Settle(Alarm),
    Done,
}

fn alarm(after: Duration) -> Alarm {
    Box::pin(tokio::time::sleep(after))
}

impl Clocks {
    pub(super) fn new(options: &SpokeOptions, deadline: Instant) -> Self {
        Self {
            opening: Opening::Welcome(Box::pin(tokio::time::sleep_until(deadline))),
            heartbeat: Some(Heartbeat::new(options.heartbeat, options.heartbeat_timeout)),
            retry: None,
            stalled: None,
            patience: options.heartbeat + options.heartbeat_timeout,
            answers: None,
            // Whoever published is told by its own, shorter clock. A hub that waits for its Redis is not left for that.
            answer_patience: options.publish_timeout.max(options.heartbeat + options.heartbeat_timeout),
            closing: None,
        }
    }

    /// Something has arrived.
    pub(super) fn heard(&mut self) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.heard();
        }
    }

    pub(super) fn settled(&mut self) {
        self.opening = Opening::Done;
    }

    pub(super) fn retry_later(&mut self) {
        self.retry.get_or_insert_with(|| alarm(RETRY));
    }

    /// The pipe takes what it is given.
    pub(super) fn flowing(&mut self) {
        self.stalled = None;
    }

    /// The pipe takes nothing now; an error if that was so for too long.
    pub(super) fn stalled(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        let stalled = self.stalled.get_or_insert_with(|| alarm(self.patience));
        match stalled.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(timeout("the hub does not take what is sent to it")),
        }
    }

    /// Publishes up to this number wait for their answers. What is not answered keeps its room, so a hub that never answers
    /// would leave none. One alarm for all that were sent meanwhile: it is set anew when it is over, not with each publish.
    pub(super) fn awaiting(&mut self, number: u64, cx: &mut Context<'_>) {
        if self.answers.is_none() {
            let mut alarm = alarm(self.answer_patience);
            // Registers the task.
            let _ = alarm.as_mut().poll(cx);
            self.answers = Some((alarm, number));
        }
    }

    /// Ready at the deadline of a link that is closing.
    pub(super) fn closing(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        closing.as_mut().poll(cx)
    }
}

impl<P: Pipe> Connection<'_, P> {
    pub(super) fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        self.poll_opening(cx)?;
        if let Some(retry) = &mut self.clocks.retry
            && retry.as_mut().poll(cx).is_ready()
        {
            self.clocks.retry = None;
            self.shared.lock().machine.retry();
        }
        if let Some((alarm, number)) = &mut self.clocks.answers
            && alarm.as_mut().poll(cx).is_ready()
        {
            let number = *number;
            self.clocks.answers = None;
            let core = self.shared.lock();
            if core.publishes.awaits(number) {
                return Err(timeout("the hub does not answer what is published"));
            }
            if let Some(number) = core.publishes.awaited() {
                self.clocks.awaiting(number, cx);
            }
        }
        while let Some(heartbeat) = &mut self.clocks.heartbeat
            && let Poll::Ready(beat) = heartbeat.poll(cx)
        {
            match beat {
                Beat::Silent => return Err(timeout("the hub gave no sign of life")),
                Beat::Ask if self.pipe.ping().map_err(Outcome::Lost)? => {}
                Beat::Ask => self.clocks.heartbeat = None,
            }
        }
        Ok(())
    }

    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        if let Opening::Welcome(deadline) = &mut self.clocks.opening {
            if !self.shared.lock().machine.is_welcome() {
                return match deadline.as_mut().poll(cx) {
                    Poll::Pending => Ok(()),
                    Poll::Ready(()) => Err(timeout("the hub did not say welcome in time")),
                };
            }
            self.clocks.opening = Opening::Settle(alarm(SETTLE));
        }
        if let Opening::Settle(deadline) = &mut self.clocks.opening
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.clocks.opening = Opening::Done;
            let core = &mut *self.shared.lock();
            core.machine.settle_anyway(&mut core.effects);
        }
        Ok(())
    }
}

fn timeout(message: &'static str) -> Outcome {
    Outcome::Lost(Error::new(ErrorKind::Timeout, message))
}
