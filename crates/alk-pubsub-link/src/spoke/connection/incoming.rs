use std::task::{Context, Poll};

use alk_pubsub_core::{ConnectionState, Error as CoreError, Event, Interest, Scope};

use super::clocks::GOODBYE;
use super::run::{Connection, Outcome, TURN};
use crate::error::{Error, ErrorKind};
use crate::frame::Frame;
use crate::pipe::{Pipe, Received};
use crate::spoke::machine::Effect;
use crate::spoke::stats::add;

impl<P: Pipe> Connection<'_, P> {
    /// Reads some frames; whether there may be more.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Outcome> {
        let mut heard = false;
        let mut more = true;
        for _ in 0..TURN {
            let Poll::Ready(received) = self.pipe.poll_receive(cx) else {
                more = false;
                break;
            };
            heard = true;
            match received {
                None => {
                    return Err(Outcome::Lost(Error::new(
                        ErrorKind::Closed,
                        "the hub has closed the connection",
                    )));
                }
                Some(Err(error)) => return Err(Outcome::Lost(error)),
                Some(Ok(Received::Frame(frame))) if frame.len() > self.shared.options.max_frame_bytes => {
                    self.misbehaved("a frame is too large")?;
                }
                Some(Ok(Received::Frame(frame))) => self.received(&frame)?,
                Some(Ok(Received::TooLarge(_))) => self.misbehaved("a frame is too large")?,
                Some(Ok(Received::Pulse)) => {}
            }
            if self.is_leaving() {
                break;
            }
        }
        if heard {
            self.clocks.heard();
        }
        Ok(more)
    }

    fn received(&mut self, frame: &[u8]) -> Result<(), Outcome> {
        let mut frame = Frame::decode_next(self.pipe.wire(), frame, &mut self.last_topic);
        // Events are most of what comes, and the machine has nothing to do with them but to say who may hear them.
        if let Ok(Frame::Event(event)) = frame {
            let scope = self.shared.lock().machine.scope(event.topic());
            if let Some(scope) = scope {
                self.deliver(event, scope);
                return Ok(());
            }
            frame = Ok(Frame::Event(event));
        }
        let mut effects = std::mem::take(&mut self.effects);
        self.shared.lock().machine.received(frame, &mut effects);
        let carried_out = self.carry_out(&mut effects);
        self.effects = effects;
        carried_out
    }

    pub(super) fn carry_out(&mut self, effects: &mut Vec<Effect>) -> Result<(), Outcome> {
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(control) => self.put(&control),
                Effect::Deliver(event, scope) => self.deliver(event, scope),
                Effect::Gap(interest, gap) => self.router.report_gap(interest.as_ref(), gap),
                Effect::Confirmed(interest) => self.shared.confirm(&interest, &Ok(())),
                Effect::Refused(interest, error) => {
                    tracing::warn!(%interest, %error, "the hub refuses an interest");
                    self.shared.confirm(&interest, &Err(error));
                }
                Effect::Ended(interest, error) => self.ended(&interest, &error),
                Effect::Expiring(after) => self.expiring(after),
                Effect::Refreshed(expires) => self.refreshed(expires),
                Effect::NotRefreshed { code, message } => self.not_refreshed(&code, &message),
                Effect::Published(number, result) => {
                    let unanswered = self.shared.lock().publishes.answered(number);
                    match unanswered {
                        Some(unanswered) => unanswered.answer(result),
                        None => self.misbehaved("an answer to a publish that is not open")?,
                    }
                }
                Effect::Complaint { code, message } => {
                    add(&self.shared.counters.refused, 1);
                    tracing::warn!(code, message, "the hub refuses an event");
                }
                Effect::Settled => self.settled(),
                Effect::RetryLater => self.clocks.retry_later(),
                Effect::Misbehaved(what) => self.misbehaved(&what)?,
                Effect::Incompatible(version) => {
                    let message = format!("the hub speaks version {version} of the protocol");
                    return Err(Outcome::Lost(Error::new(ErrorKind::Protocol, message).retryable(false)));
                }
                Effect::Closing { reason, reconnect, retry } => {
                    self.leave(Outcome::SentAway { reason, reconnect, retry }, GOODBYE);
                }
            }
        }
        Ok(())
    }

    /// The hub has ended an interest, and so do its subscriptions.
    fn ended(&self, interest: &Interest, error: &CoreError) {
        let still = || self.shared.lock().machine.forget_refused(interest);
        if self.router.end_interest(interest, error, still) {
            tracing::warn!(%interest, %error, "the hub has ended an interest");
        }
        self.shared.confirm(interest, &Err(error.clone()));
    }

    fn deliver(&self, event: Event, scope: Scope) {
        add(&self.shared.counters.events_in, 1);
        if self.router.deliver(event, scope) == 0 && scope == Scope::ALL {
            add(&self.shared.counters.unwanted, 1);
        }
    }

    /// All interests are active: what was published may go.
    fn settled(&mut self) {
        add(&self.shared.counters.connections, 1);
        self.clocks.settled();
        self.shared.set_failure(None);
        self.shared.lock().settled();
        self.shared.set_state(ConnectionState::Connected);
    }

    fn misbehaved(&mut self, what: &str) -> Result<(), Outcome> {
        add(&self.shared.counters.bad_frames, 1);
        self.bad_frames += 1;
        if self.bad_frames == 1 {
            tracing::warn!(what, "the hub sends what a hub must not send");
        }
        if self.bad_frames >= self.shared.options.max_bad_frames {
            return Err(Outcome::Lost(Error::new(ErrorKind::Protocol, "the hub sent too many bad frames")));
        }
        Ok(())
    }
}
