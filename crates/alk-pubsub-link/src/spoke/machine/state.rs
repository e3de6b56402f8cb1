use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use alk_pubsub_core::{
    Error, ErrorKind, Event, Gap, GapReason, Interest, Published, Receivers, Scope, Topic,
};

use super::effect::Effect;
use super::interest::{Confirmation, Entry, Standing, Step};
use super::requests::{Requests, frames};
use crate::code::ErrorCode;
use crate::frame::{Control, Frame, Refusal, Welcome, short};

/// The version of the protocol.
const PROTOCOL: u32 = 1;

/// The spoke's end of one link, across all its connections.
///
/// Call a method for what has happened, then carry out the [`Effect`]s it has left in `effects`. What is wanted is sent by
/// [`ask`](Self::ask), in as few frames as it fits in.
#[derive(Debug, Default)]
pub(in crate::spoke) struct Machine {
    interests: HashMap<Interest, Entry>,
    /// Interests to look at when frames can be sent.
    changed: BTreeSet<Interest>,
    /// Interests to look at after a moment.
    later: BTreeSet<Interest>,
    requests: Requests,
    welcome: Option<Welcome>,
    /// How many interests owe a gap.
    owing: usize,
    /// How many interests of those that were wanted at the welcome are not decided yet.
    awaited: usize,
    settled: bool,
}

impl Machine {
    /// Somebody listens to this now and nobody did.
    pub(in crate::spoke) fn want(&mut self, interest: &Interest) {
        let entry = self.interests.entry(interest.clone()).or_insert_with(Entry::wanted);
        entry.wanted = true;
        self.list(interest);
    }

    /// Nobody listens to this any more.
    pub(in crate::spoke) fn drop_interest(&mut self, interest: &Interest, effects: &mut Vec<Effect>) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        entry.wanted = false;
        self.owing -= usize::from(std::mem::take(&mut entry.owes_gap));
        let awaited = std::mem::take(&mut entry.awaited);
        if matches!(entry.standing, Standing::Absent | Standing::Refused) {
            self.remove(interest);
        } else {
            self.list(interest);
        }
        if awaited {
            self.awaited -= 1;
            self.settle(effects);
        }
    }

    /// How an interest stands. One that was refused before is asked for again.
    pub(in crate::spoke) fn confirmation(&mut self, interest: &Interest) -> Confirmation {
        match self.interests.get(interest) {
            Some(Entry { wanted: true, standing: Standing::Active, .. }) => Confirmation::Confirmed,
            Some(Entry { wanted: true, standing, .. }) => {
                if *standing == Standing::Refused {
                    self.list(interest);
                }
                Confirmation::Open
            }
            _ => Confirmation::Unknown,
        }
    }

    /// A number for a publish that is to be answered.
    pub(in crate::spoke) fn number(&mut self) -> u64 {
        self.requests.number()
    }

    /// The largest frame that the hub takes, where that is known.
    pub(in crate::spoke) fn max_frame_bytes(&self) -> Option<usize> {
        self.welcome.as_ref().map(|welcome| welcome.max_frame_bytes)
    }

    /// Whether the hub has said welcome.
    pub(in crate::spoke) fn is_welcome(&self) -> bool {
        self.welcome.is_some()
    }

    /// Tells the hub what has changed since this was called last.
    pub(in crate::spoke) fn ask(&mut self, effects: &mut Vec<Effect>) {
        let Some(Welcome { max_frame_bytes, max_topics, .. }) = self.welcome else { return };
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for interest in std::mem::take(&mut self.changed) {
            match self.interests.get(&interest).and_then(Entry::step) {
                Some(Step::Subscribe) => joined.push(interest),
                Some(Step::Unsubscribe) => left.push(interest),
                None => {}
            }
        }
        // What goes comes first, so that a hub which counts topics has room for what comes.
        for (step, interests) in [(Step::Unsubscribe, left), (Step::Subscribe, joined)] {
            for interests in frames(interests, max_frame_bytes, max_topics) {
                let number = self.requests.number();
                for interest in &interests {
                    if let Some(entry) = self.interests.get_mut(interest) {
                        entry.standing = match step {
                            Step::Subscribe => Standing::Asked(number),
                            Step::Unsubscribe => Standing::Leaving(number),
                        };
                    }
                }
                let (reference, topics) =
                    (number.to_string(), interests.iter().map(ToString::to_string).collect());
                self.requests.add(number, step, interests);
                effects.push(Effect::Send(match step {
                    Step::Subscribe => Control::Subscribe { reference, topics },
                    Step::Unsubscribe => Control::Unsubscribe { reference, topics },
                }));
            }
        }
    }

    /// A moment after [`Effect::RetryLater`].
    pub(in crate::spoke) fn retry(&mut self) {
        for interest in std::mem::take(&mut self.later) {
            self.list(&interest);
        }
    }

    /// The hub takes too long to decide; what waits for that goes on without.
    pub(in crate::spoke) fn settle_anyway(&mut self, effects: &mut Vec<Effect>) {
        self.interests.values_mut().for_each(|entry| entry.awaited = false);
        self.awaited = 0;
        self.settle(effects);
    }

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
            Ok(Frame::Event(event)) => self.event(event, effects),
            Ok(Frame::Control(control)) => self.control(control, effects),
        }
    }

    /// The connection was lost. Whoever waits for a publish is to be told by the surroundings.
    pub(in crate::spoke) fn disconnected(&mut self) {
        self.welcome = None;
        (self.settled, self.awaited) = (false, 0);
        self.requests.clear();
        self.changed.clear();
        self.later.clear();
        self.interests.retain(|_, entry| entry.wanted);
        for (interest, entry) in &mut self.interests {
            if entry.standing == Standing::Active && !entry.owes_gap {
                entry.owes_gap = true;
                self.owing += 1;
            }
            entry.standing = Standing::Absent;
            entry.awaited = false;
            self.changed.insert(interest.clone());
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

    fn event(&self, event: Event, effects: &mut Vec<Effect>) {
        let scope = if self.owing == 0 { Scope::ALL } else { self.scope(event.topic()) };
        effects.push(Effect::Deliver(event, scope));
    }

    /// Who may hear an event: not those who are to be told of a gap first. It belongs to what they missed.
    fn scope(&self, topic: &Topic) -> Scope {
        let may_hear = |interest: &Interest| self.interests.get(interest).is_none_or(|entry| !entry.owes_gap);
        Scope {
            topic: may_hear(&Interest::Topic(topic.clone())),
            event_type: may_hear(&Interest::Type(topic.event_type().clone())),
            everything: may_hear(&Interest::Everything),
        }
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

    /// The hub does not have it any more.
    fn forget(&mut self, interest: &Interest) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        entry.standing = Standing::Absent;
        if !entry.wanted {
            self.remove(interest);
        }
    }

    fn remove(&mut self, interest: &Interest) {
        self.interests.remove(interest);
        self.changed.remove(interest);
        self.later.remove(interest);
    }

    fn refused(
        &mut self,
        reference: &str,
        code: &str,
        message: String,
        topic: Option<String>,
        effects: &mut Vec<Effect>,
    ) {
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
        effects.push(Effect::Refused(interest.clone(), error(code, message)));
        if code_name == Some(ErrorCode::Unavailable) {
            self.again_later(interest, effects);
        }
        self.decided(interest, effects);
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

    fn list(&mut self, interest: &Interest) {
        if self.interests.get(interest).and_then(Entry::step).is_some() {
            self.changed.insert(interest.clone());
        }
    }

    fn decided(&mut self, interest: &Interest, effects: &mut Vec<Effect>) {
        if let Some(entry) = self.interests.get_mut(interest)
            && std::mem::take(&mut entry.awaited)
        {
            self.awaited -= 1;
            self.settle(effects);
        }
    }

    fn settle(&mut self, effects: &mut Vec<Effect>) {
        if self.welcome.is_some() && self.awaited == 0 && !std::mem::replace(&mut self.settled, true) {
            effects.push(Effect::Settled);
        }
    }
}

fn error(code: &str, message: &str) -> Error {
    let kind = ErrorCode::from_name(code).map_or(ErrorKind::Upstream, ErrorCode::error_kind);
    Error::new(kind, format!("the hub refuses it: {}", short(message)))
}

fn unasked(what: &str, of: &str) -> Effect {
    Effect::Misbehaved(format!("`{what}` about `{}`, which is not open", short(of)))
}
