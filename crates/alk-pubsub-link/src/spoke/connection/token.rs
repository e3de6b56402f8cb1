use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::run::{Connection, Outcome};
use crate::error::Error;
use crate::frame::BearerToken;
use crate::pipe::Pipe;
use crate::spoke::connector::Connector;

/// The least that lies between two questions for a token.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// No token is thought to last longer, whatever the hub says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a connector has of new tokens, whatever its pipes are.
pub(in crate::spoke) trait Tokens: Sync {
    fn token(&self) -> PendingToken<'_>;
}

pub(in crate::spoke) type PendingToken<'a> =
    Pin<Box<dyn Future<Output = Result<Option<BearerToken>, Error>> + Send + 'a>>;

impl<C: Connector> Tokens for C {
    fn token(&self) -> PendingToken<'_> {
        Box::pin(Connector::token(self))
    }
}

/// New tokens for one connection.
///
/// A provider may have nothing better than the token of which the hub says that it ends soon, and a hub says so again for
/// every token that it takes: so one question follows another after a pause only, and the same token is sent once.
pub(super) struct Refresh<'a> {
    tokens: &'a dyn Tokens,
    pending: Option<PendingToken<'a>>,
    asked: Option<Instant>,
    /// The last one that the hub was given on this connection.
    sent: Option<BearerToken>,
    /// When the hub's token ends, as far as the hub has said so.
    end: Option<Instant>,
    /// When to ask again.
    again: Option<Pin<Box<Sleep>>>,
}

impl<'a> Refresh<'a> {
    pub(super) fn new(tokens: &'a dyn Tokens) -> Self {
        Self { tokens, pending: None, asked: None, sent: None, end: None, again: None }
    }

    fn ask(&mut self, now: Instant) {
        self.again = None;
        self.asked = Some(now);
        self.pending = Some(self.tokens.token());
    }

    fn expiring(&mut self, after: Duration) {
        let (now, after) = (Instant::now(), after.min(LONGEST));
        self.end = Some(now + after);
        if self.pending.is_some() || self.again.is_some() {
            return;
        }
        match self.asked.map(|asked| asked + pause(after)).filter(|earliest| *earliest > now) {
            Some(earliest) => self.again = Some(Box::pin(tokio::time::sleep_until(earliest))),
            None => self.ask(now),
        }
    }

    /// The token that there is does not help: perhaps the next one does, if there is time for one.
    fn try_again(&mut self) {
        let left = self.end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
        let pause = pause(left);
        if pause < left && self.pending.is_none() {
            self.again = Some(Box::pin(tokio::time::sleep(pause)));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<BearerToken>, Error>> {
        if let Some(again) = &mut self.again
            && again.as_mut().poll(cx).is_ready()
        {
            self.ask(Instant::now());
        }
        let Some(pending) = &mut self.pending else { return Poll::Pending };
        let token = std::task::ready!(pending.as_mut().poll(cx));
        self.pending = None;
        Poll::Ready(token)
    }
}

fn pause(left: Duration) -> Duration {
    (left / 4).max(LEAST_PAUSE)
}

impl<P: Pipe> Connection<'_, P> {
    /// The hub says that the token ends soon.
    pub(super) fn expiring(&mut self, after: Duration) {
        tracing::debug!(?after, "the hub says that the token ends soon");
        self.refresh.expiring(after);
    }

    /// The hub has taken a new token.
    pub(super) fn refreshed(&mut self, expires: Option<Duration>) {
        tracing::debug!(?expires, "the hub has taken the new token");
        // It says so when that one ends.
        (self.refresh.end, self.refresh.again) = (None, None);
    }

    /// The hub has not taken a new token.
    pub(super) fn not_refreshed(&mut self, code: &str, message: &str) {
        tracing::warn!(code, message, "the hub does not take the new token");
        self.refresh.try_again();
    }

    /// Gives the hub a new token, once there is one.
    pub(super) fn poll_token(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        while let Poll::Ready(token) = self.refresh.poll(cx) {
            match token {
                Ok(Some(token)) if self.refresh.sent.as_ref() == Some(&token) => {
                    tracing::debug!("there is no other token yet");
                    self.refresh.try_again();
                }
                Ok(Some(token)) => self.send_token(token)?,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "there is no new token, and the old one ends soon");
                    self.refresh.try_again();
                }
            }
        }
        Ok(())
    }

    fn send_token(&mut self, token: BearerToken) -> Result<(), Outcome> {
        let mut effects = std::mem::take(&mut self.effects);
        self.shared.lock().machine.refresh(token.clone(), &mut effects);
        if effects.is_empty() {
            // The hub is still looking at the one before.
            self.refresh.try_again();
        } else {
            self.refresh.sent = Some(token);
        }
        let carried_out = self.carry_out(&mut effects);
        self.effects = effects;
        carried_out
    }
}
