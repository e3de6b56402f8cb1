//! What the hub says.

use std::time::Duration;

use alk_pubsub_core::{Error, ErrorKind, Gap, GapReason, Interest, Published, Receivers, Scope, Topic};

use super::effect::Effect;
use super::interest::{Standing, Step};
use super::state::Machine;
use crate::code::ErrorCode;
use crate::frame::{Control, Frame, Refusal, Welcome, short};

/// The version of the protocol.
const PROTOCOL: u32 = 1;

impl Machine {
    /// A frame, or what is wrong with one, has arrived.
    pub(in crate::spoke) fn received(&mut self, frame: Result<Frame, Refusal>, effects: &mut Vec<Effect>) {
        match frame {
            Ok(Frame::Control(Control::Welcome { welcome, .. })) => self.welcomed(welcome, effects),
            Ok(Frame::Control(Control::Close { reason, reconnect, retry_ms })) => {
                let retry = retry_ms.map(Duration::from_millis);
                effects.push(Effect::Closing { reason, reconnect, retry });
            }
            Err(refusal) => effects.push(Effect::Misbehaved(refusal.message)),
            Ok(_) if self.welcome.is_none() => {
                effects.push(Effect::Misbehaved("the first frame of a hub is `__welcome`".to_owned()));
            }
            Ok(Frame::Event(event)) => {
                if let Some(scope) = self.scope(event.topic()) {
                    effects.push(Effect::Deliver(event, scope));
                }
            }
            Ok(Frame::Control(control)) => self.control(control, effects),
        }
    }

    fn welcomed(&mut self, welcome: Welcome, effects: &mut Vec<Effect>) {
        if welcome.protocol != PROTOCOL {
            return effects.push(Effect::Incompatible(welcome.protocol));
        }
        if self.welcome.is_some() {
            return effects.push(Effect::Misbehaved("a second `__welcome`".to_owned()));
        }
        self.welcome = Some(welcome);
        for entry in self.interests.values_mut().filter(|entry| entry.wanted) {
            entry.awaited = true;
            self.awaited += 1;
        }
        self.settle(effects);
    }

    /// Who may hear an event: not those who are to be told of a gap first. It belongs to what they missed. `None` before the
    /// hub has said welcome.
    pub(in crate::spoke) fn scope(&self, topic: &Topic) -> Option<Scope> {
        self.welcome.as_ref()?;
        if self.owing == 0 {
            return Some(Scope::ALL);
        }
        let may_hear = |interest: &Interest| self.interests.get(interest).is_none_or(|entry| !entry.owes_gap);
        Some(Scope {
            topic: may_hear(&Interest::Topic(topic.clone())),
            event_type: may_hear(&Interest::Type(topic.event_type().clone())),
            everything: may_hear(&Interest::Everything),
        })
    }

    fn control(&mut self, control: Control, effects: &mut Vec<Effect>) {
        match control {
            Control::Subscribed { reference, topics } => self.subscribed(&reference, &topics, effects),
            Control::Unsubscribed { reference, .. } => self.unsubscribed(&reference, effects),
            Control::Published { reference, receivers } => match reference.parse() {
                Ok(number) => {
                    let receivers = receivers.map_or(Receivers::Unknown, Receivers::AtLeast);
                    effects.push(Effect::Published(number, Ok(Published { receivers })));
                }
                Err(_) => effects.push(unasked("__published", &reference)),
            },
            Control::Error { reference, code, message, topic } => {
                self.refused(&reference, &code, message, topic, effects);
            }
            Control::Gap { missed, .. } => {
                effects.push(Effect::Gap(None, Gap::new(GapReason::Remote, missed)));
            }
            Control::Expiring { in_ms } => effects.push(Effect::Expiring(Duration::from_millis(in_ms))),
            Control::Refreshed { reference, expires_in_ms } => {
                if self.refreshed(&reference) {
                    effects.push(Effect::Refreshed(expires_in_ms.map(Duration::from_millis)));
                } else {
                    effects.push(unasked("__refreshed", &reference));
                }
            }
            other => effects.push(Effect::Misbehaved(format!("`{}` is not for a spoke", other.frame_type()))),
        }
    }

    fn subscribed(&mut self, reference: &str, topics: &[String], effects: &mut Vec<Effect>) {
        let Some(number) = self.open(reference, Step::Subscribe) else {
            return effects.push(unasked("__subscribed", reference));
        };
        for topic in topics {
            let Ok(interest) = topic.parse::<Interest>() else {
                effects.push(unasked("__subscribed", topic));
                continue;
            };
            if !self.requests.decide(number, &interest) {
                effects.push(unasked("__subscribed", topic));
                continue;
            }
            let Some(entry) = self.interests.get_mut(&interest) else { continue };
            if entry.standing != Standing::Asked(number) {
                continue; // It was given up since.
            }
            entry.standing = Standing::Active;
            if std::mem::take(&mut entry.owes_gap) {
                self.owing -= 1;
                effects.push(Effect::Gap(Some(interest.clone()), Gap::new(GapReason::Reconnected, None)));
            }
            effects.push(Effect::Confirmed(interest.clone()));
            self.decided(&interest, effects);
        }
    }

    fn unsubscribed(&mut self, reference: &str, effects: &mut Vec<Effect>) {
        let number = self.open(reference, Step::Unsubscribe);
        let Some((number, request)) = number.and_then(|number| Some((number, self.requests.finish(number)?)))
        else {
            return effects.push(unasked("__unsubscribed", reference));
        };
        for interest in request.open {
            if self.interests.get(&interest).is_some_and(|entry| entry.standing == Standing::Leaving(number))
            {
                self.forget(&interest);
            }
        }
    }

    fn refused(
        &mut self,
        reference: &str,
        code: &str,
        message: String,
        topic: Option<String>,
        effects: &mut Vec<Effect>,
    ) {
        if self.refreshed(reference) {
            return effects.push(Effect::NotRefreshed { code: short(code), message });
        }
        if reference.is_empty()
            && let Some(interest) = topic.as_ref().and_then(|topic| topic.parse().ok())
            && self.ended(&interest, code, &message, effects)
        {
            return;
        }
        let number = reference.parse().ok();
        let Some(step) = number.and_then(|number| self.requests.step(number)) else {
            return effects.push(match number {
                Some(number) => Effect::Published(number, Err(error(code, &message))),
                None => Effect::Complaint { code: short(code), message },
            });
        };
        let number = number.unwrap_or_default();
        let refused = match topic.map(|topic| topic.parse::<Interest>()) {
            Some(Ok(interest)) if self.requests.decide(number, &interest) => vec![interest],
            Some(_) => return effects.push(unasked("__error", reference)),
            None => self.requests.finish(number).map_or_else(Vec::new, |request| request.open),
        };
        for interest in refused {
            match step {
                Step::Subscribe => self.not_subscribed(number, &interest, code, &message, effects),
                Step::Unsubscribe => self.not_unsubscribed(number, &interest, code, effects),
            }
        }
    }

    fn not_subscribed(
        &mut self,
        number: u64,
        interest: &Interest,
        code: &str,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        if entry.standing != Standing::Asked(number) {
            return; // It was given up since.
        }
        let code_name = ErrorCode::from_name(code);
        if code_name == Some(ErrorCode::RateLimited) {
            // Asked too fast; nobody needs to know. Later there may be more of them for one frame.
            entry.standing = Standing::Unknown;
            return self.again_later(interest, effects);
        }
        entry.standing = Standing::Refused;
        let error = error(code, message);
        let later = match code_name {
            Some(ErrorCode::Unavailable) => true,
            // The next connection comes with another token, or there is none. Who has listened before listens on until then.
            Some(ErrorCode::Expired) => entry.owes_gap,
            _ => false,
        };
        if later {
            effects.push(Effect::Refused(interest.clone(), error));
            self.again_later(interest, effects);
        } else if std::mem::take(&mut entry.owes_gap) {
            self.owing -= 1;
            effects.push(Effect::Ended(interest.clone(), error));
        } else {
            effects.push(Effect::Refused(interest.clone(), error));
        }
        self.decided(interest, effects);
    }

    /// The hub does not have an interest any more that it had granted; whether that is so.
    fn ended(&mut self, interest: &Interest, code: &str, message: &str, effects: &mut Vec<Effect>) -> bool {
        let Some(entry) = self.interests.get_mut(interest) else { return false };
        if entry.standing != Standing::Active {
            // Whatever it was about: how the interest stands is decided by an answer that is still to come.
            return false;
        }
        if entry.wanted {
            entry.standing = Standing::Refused;
            effects.push(Effect::Ended(interest.clone(), error(code, message)));
        } else {
            self.remove(interest);
        }
        true
    }

    /// Whether this is the reference of a new token, which is answered now.
    fn refreshed(&mut self, reference: &str) -> bool {
        let number = reference.parse().ok();
        number.is_some() && self.refreshing.take_if(|refreshing| Some(*refreshing) == number).is_some()
    }

    fn not_unsubscribed(&mut self, number: u64, interest: &Interest, code: &str, effects: &mut Vec<Effect>) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        if entry.standing != Standing::Leaving(number) {
            return;
        }
        if ErrorCode::from_name(code) == Some(ErrorCode::RateLimited) {
            entry.standing = Standing::Unknown;
            return self.again_later(interest, effects);
        }
        self.forget(interest);
    }

    fn again_later(&mut self, interest: &Interest, effects: &mut Vec<Effect>) {
        if self.later.is_empty() {
            effects.push(Effect::RetryLater);
        }
        self.later.insert(interest.clone());
    }

    /// The number of an open request of this kind.
    fn open(&self, reference: &str, step: Step) -> Option<u64> {
        let number = reference.parse().ok().filter(|number| self.requests.contains(*number))?;
        (self.requests.step(number) == Some(step)).then_some(number)
    }
}

fn error(code: &str, message: &str) -> Error {
    let kind = ErrorCode::from_name(code).map_or(ErrorKind::Upstream, ErrorCode::error_kind);
    Error::new(kind, format!("the hub refuses it: {}", short(message)))
}

fn unasked(what: &str, of: &str) -> Effect {
    Effect::Misbehaved(format!("`{what}` about `{}`, which is not open", short(of)))
}
