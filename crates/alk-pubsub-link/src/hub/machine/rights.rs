//! Rights that end before the link does.

use std::time::Duration;

use alk_pubsub_core::Interest;

use super::effect::Effect;
use super::state::{Machine, Request, Standing, refuse};
use crate::code::ErrorCode;
use crate::frame::{Control, Refusal};
use crate::hub::denied::Denied;

impl Machine {
    /// The identity of the connection ends so soon.
    pub fn expiring(&mut self, left: Duration, effects: &mut Vec<Effect>) {
        if !self.closed {
            effects.push(Effect::Send(Control::Expiring { in_ms: millis(left) }));
        }
    }

    /// A new token was taken, which ends after that time, if it does; or was refused. Interests that are not allowed any
    /// more end.
    pub fn refreshed(
        &mut self,
        reference: String,
        result: Result<Option<Duration>, Denied>,
        effects: &mut Vec<Effect>,
    ) {
        self.refreshing = false;
        if self.closed {
            return;
        }
        match result {
            Ok(left) => {
                effects.push(Effect::Send(Control::Refreshed { reference, expires_in_ms: left.map(millis) }));
                self.ask_again(effects);
            }
            Err(denied) => {
                let (code, message) = (denied.code(), denied.reason().to_owned());
                refuse(Refusal { reference, code, message, topic: None }, effects);
            }
        }
    }

    /// Ends the interests that the authorizer does not allow any more.
    pub fn ask_again(&mut self, effects: &mut Vec<Effect>) {
        let denied: Vec<_> = self
            .interests
            .keys()
            .filter_map(|interest| {
                let denied = self.authorizer.may_subscribe(&self.connection, interest).err()?;
                Some((interest.clone(), denied))
            })
            .collect();
        for (interest, denied) in denied {
            self.end(&interest, denied.code(), denied.reason(), effects);
        }
    }

    /// Ends these interests.
    pub fn end_those(
        &mut self,
        which: &dyn Fn(&Interest) -> bool,
        code: ErrorCode,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        let those: Vec<_> = self.interests.keys().filter(|interest| which(interest)).cloned().collect();
        for interest in those {
            self.end(&interest, code, message, effects);
        }
    }

    /// Ends an interest that nobody has unsubscribed: it is told by an `__error` without a reference. Requests that wait for
    /// it are refused instead.
    pub fn end(&mut self, interest: &Interest, code: ErrorCode, message: &str, effects: &mut Vec<Effect>) {
        if self.closed {
            return;
        }
        let Some(standing) = self.interests.remove(interest) else { return };
        effects.push(Effect::Unsubscribe(interest.clone()));
        let topic = interest.to_string();
        match standing {
            Standing::Active => {
                let refusal = |reference: &str| {
                    let (reference, message) = (reference.to_owned(), message.to_owned());
                    Refusal { reference, code, message, topic: Some(topic.clone()) }
                };
                refuse(refusal(""), effects);
                // Whoever waits for an answer about it goes by that answer, which must not call it active.
                let granted = |request: &Request| request.granted.contains(&topic);
                for request in self.requests.values_mut().filter(|request| granted(request)) {
                    request.granted.retain(|granted| *granted != topic);
                    request.refused = true;
                    refuse(refusal(&request.reference), effects);
                }
            }
            Standing::Pending(_, waiting) => {
                for request in waiting {
                    self.decide(request, topic.clone(), Err((code, message.to_owned())), effects);
                }
            }
        }
    }
}

/// Whole milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
