use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::run::{Connection, Outcome};
use crate::error::Error;
use crate::frame::BearerToken;
use crate::pipe::Pipe;
use crate::spoke::connector::Connector;

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

impl<P: Pipe> Connection<'_, P> {
    /// The hub says that the token ends soon.
    pub(super) fn expiring(&mut self, after: Duration) {
        tracing::debug!(?after, "the hub says that the token ends soon");
        self.token.get_or_insert_with(|| self.tokens.token());
    }

    /// Gives the hub a new token, once there is one.
    pub(super) fn poll_token(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        let Some(pending) = &mut self.token else { return Ok(()) };
        let Poll::Ready(token) = pending.as_mut().poll(cx) else { return Ok(()) };
        self.token = None;
        match token {
            Ok(Some(token)) => {
                let mut effects = std::mem::take(&mut self.effects);
                self.shared.lock().machine.refresh(token, &mut effects);
                let carried_out = self.carry_out(&mut effects);
                self.effects = effects;
                carried_out
            }
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "there is no new token, and the old one ends soon");
                Ok(())
            }
        }
    }
}
