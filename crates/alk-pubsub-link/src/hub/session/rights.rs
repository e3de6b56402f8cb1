//! Rights that are asked for, that change, and that end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use alk_pubsub_core::{ConnectionState, Error, ErrorKind, Interest, RawSubscription, TargetFuture};
use tokio::time::Instant;

use super::contract::Outbox;
use super::session::Session;
use crate::close_code::CloseCode;
use crate::code::ErrorCode;
use crate::frame::BearerToken;
use crate::hub::denied::Denied;
use crate::hub::expiry::{Due, Expiry};
use crate::hub::identity::Identity;

/// After how many milliseconds a spoke may come back to a hub whose upstream has given up.
const COME_BACK_MS: u64 = 1000;

/// A token that is being looked at.
pub(super) struct Refreshing {
    reference: String,
    answer: TargetFuture<Result<Identity, Denied>>,
}

impl Session {
    /// Asks the authorizer again for each interest, and ends those that it does not allow any more. For whoever knows that
    /// rights have changed.
    pub fn ask_again(&mut self, out: &mut dyn Outbox) {
        self.machine.ask_again(&mut self.effects);
        self.carry_out(out);
    }

    /// Ends these interests; the spoke is told by an `__error` for each, and may ask for them again.
    pub fn end_interests(
        &mut self,
        which: &dyn Fn(&Interest) -> bool,
        code: ErrorCode,
        message: &str,
        out: &mut dyn Outbox,
    ) {
        self.machine.end_those(which, code, message, &mut self.effects);
        self.carry_out(out);
    }

    /// The subscription, if somebody who has to be asked allows it.
    pub(super) fn allowed(&self, interest: &Interest) -> TargetFuture<Result<RawSubscription, Error>> {
        let (target, queue) = (self.target.clone(), self.limits.queue);
        match self.authorizer.subscribe(self.machine.connection(), interest).try_ready() {
            Ok(Ok(())) => target.subscribe_raw(interest.clone(), queue),
            Ok(Err(denied)) => TargetFuture::ready(Err(refused(&denied))),
            Err(waiting) => {
                let interest = interest.clone();
                TargetFuture::boxed(async move {
                    waiting.await.map_err(|denied| refused(&denied))?;
                    target.subscribe_raw(interest, queue).await
                })
            }
        }
    }

    pub(super) fn refresh(&mut self, reference: String, token: &BearerToken) {
        match self.authorizer.refresh(self.machine.connection(), token).try_ready() {
            Ok(result) => self.refreshed(reference, result),
            Err(answer) => self.refreshing = Some(Box::new(Refreshing { reference, answer })),
        }
    }

    /// Goes on with what changes by itself; whether something did.
    pub(super) fn poll_rights(&mut self, cx: &mut Context<'_>) -> bool {
        let mut done = false;
        if let Some(refreshing) = &mut self.refreshing
            && let Poll::Ready(result) = Pin::new(&mut refreshing.answer).poll(cx)
            && let Some(refreshing) = self.refreshing.take()
        {
            self.refreshed(refreshing.reference, result);
            done = true;
        }
        match self.expiry.poll(cx) {
            Poll::Pending => return done,
            Poll::Ready(Due::Soon(left)) => self.machine.expiring(left, &mut self.effects),
            Poll::Ready(Due::Over) => {
                self.machine.close(CloseCode::Policy, "expired", None, &mut self.effects);
            }
        }
        true
    }

    /// The upstream does not bring these any more: nothing at all, or not these.
    pub(super) fn taken_away(&mut self, interests: Vec<(Interest, Error)>, out: &mut dyn Outbox) {
        if self.target.state().current() == ConnectionState::Closed {
            let come_back = Some(COME_BACK_MS);
            self.machine.close(CloseCode::GoingAway, "upstream_lost", come_back, &mut self.effects);
        }
        for (interest, error) in interests {
            self.machine.end(&interest, ErrorCode::from(&error), &error.to_string(), &mut self.effects);
        }
        self.carry_out(out);
    }

    fn refreshed(&mut self, reference: String, result: Result<Identity, Denied>) {
        let result = result.and_then(|identity| self.take_identity(identity));
        self.machine.refreshed(reference, result, &mut self.effects);
    }

    fn take_identity(&mut self, identity: Identity) -> Result<Option<std::time::Duration>, Denied> {
        let connection = self.machine.connection();
        if identity.subject() != connection.identity().subject() {
            return Err(Denied::new("the token is somebody else's; make a connection of its own for it"));
        }
        let left = identity.expires().map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Denied::expired("the token has expired"));
        }
        self.expiry = Expiry::of(&identity);
        connection.set_identity(identity);
        self.feed.set_filter(self.authorizer.deliver(connection));
        Ok(left)
    }
}

fn refused(denied: &Denied) -> Error {
    let kind = match denied.code() {
        ErrorCode::Unavailable => ErrorKind::Upstream,
        _ => ErrorKind::Denied,
    };
    Error::new(kind, denied.reason().to_owned())
}
