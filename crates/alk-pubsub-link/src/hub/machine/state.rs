use std::collections::HashMap;
use std::sync::Arc;

use alk_pubsub_core::{Error, Event, Gap, Interest, Published};
use tokio::time::Instant;

use super::effect::{Effect, Token};
use crate::close_code::CloseCode;
use crate::code::ErrorCode;
use crate::frame::{Control, Frame, Refusal, Welcome, short};
use crate::hub::authorizer::Authorizer;
use crate::hub::connection::ConnectionInfo;

use crate::hub::limits::Limits;
use crate::hub::rate::Rate;

/// The version of the protocol.
const PROTOCOL: u32 = 1;

/// How many requests may wait for their answers even where fewer topics are allowed.
const LEAST_REQUESTS: usize = 64;

/// The hub's end of one link.
///
/// Call a method for what has happened, then carry out the [`Effect`]s it has left in `effects`.
pub struct Machine {
    pub(super) connection: ConnectionInfo,
    limits: Arc<Limits>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) interests: HashMap<Interest, Standing>,
    pub(super) requests: HashMap<u64, Request>,
    next: u64,
    control_rate: Rate,
    publish_rate: Option<Rate>,
    bad_frames: u32,
    /// Whether a token is being looked at.
    pub(super) refreshing: bool,
    pub(super) closed: bool,
}

pub(super) enum Standing {
    /// Asked for upstream; these requests wait for it.
    Pending(Token, Vec<u64>),
    Active,
}

/// A `__subscribe` that is not answered yet.
pub(super) struct Request {
    pub(super) reference: String,
    /// Interests that are not decided yet, and one more while the request is being read.
    open: usize,
    pub(super) granted: Vec<String>,
    pub(super) refused: bool,
}

impl Machine {
    /// The hub's end of a new link; its first effect is the `__welcome`.
    pub fn new(
        connection: ConnectionInfo,
        limits: Arc<Limits>,
        authorizer: Arc<dyn Authorizer>,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let welcome = Welcome {
            protocol: PROTOCOL,
            heartbeat_ms: u64::try_from(limits.heartbeat.as_millis()).unwrap_or(u64::MAX),
            max_frame_bytes: limits.max_frame_bytes,
            max_topics: limits.max_topics,
        };
        effects.push(Effect::Send(Control::Welcome { connection: connection.id().to_owned(), welcome }));
        Self {
            connection,
            control_rate: Rate::new(limits.control_rate, limits.control_burst),
            publish_rate: limits.max_publish_rate.map(|rate| Rate::new(rate, rate)),
            limits,
            authorizer,
            interests: HashMap::new(),
            requests: HashMap::new(),
            next: 0,
            bad_frames: 0,
            refreshing: false,
            closed: false,
        }
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }

    /// A frame, or what is wrong with one, has arrived.
    pub fn received(&mut self, frame: Result<Frame, Refusal>, now: Instant, effects: &mut Vec<Effect>) {
        if self.closed {
            return;
        }
        match frame {
            Ok(Frame::Event(event)) => self.publish(None, event, now, effects),
            Ok(Frame::Control(control)) => self.control(control, now, effects),
            Err(refusal) => self.bad_frame(refusal, effects),
        }
    }

    /// A subscription that was asked for is active, or was refused. Whether it is still wanted.
    pub fn subscribed(
        &mut self,
        token: Token,
        interest: &Interest,
        result: Result<(), &Error>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(Standing::Pending(pending, _)) = self.interests.get(interest) else { return false };
        if *pending != token || self.closed {
            return false;
        }
        let Some(Standing::Pending(_, waiting)) = self.interests.remove(interest) else { return false };
        if result.is_ok() {
            self.interests.insert(interest.clone(), Standing::Active);
        }
        for request in waiting {
            self.decide(
                request,
                interest.to_string(),
                result.map_err(|error| (ErrorCode::from(error), error.to_string())),
                effects,
            );
        }
        result.is_ok()
    }

    /// A publish was carried out, or failed.
    pub fn published(
        &mut self,
        reference: Option<String>,
        result: Result<Published, Error>,
        effects: &mut Vec<Effect>,
    ) {
        if self.closed {
            return;
        }
        match (result, reference) {
            (Ok(published), Some(reference)) => {
                let receivers = published.known_receivers();
                effects.push(Effect::Send(Control::Published { reference, receivers }));
            }
            (Ok(_), None) => {}
            (Err(error), reference) => {
                let reference = reference.unwrap_or_default();
                let (code, message) = (ErrorCode::from(&error), error.to_string());
                refuse(Refusal { reference, code, message, topic: None }, effects);
            }
        }
    }

    /// Events for this connection are missing here.
    pub fn gap(&mut self, gap: Gap, effects: &mut Vec<Effect>) {
        if self.closed {
            return;
        }
        let reason = gap.reason().as_str().to_owned();
        effects.push(Effect::Send(Control::Gap { reason, missed: gap.missed() }));
    }

    /// Closes the link: a last frame, and nothing more.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &'static str,
        retry_ms: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        if !std::mem::replace(&mut self.closed, true) {
            let reconnect = retry_ms.is_some();
            let reason_text = reason.to_owned();
            effects.push(Effect::Send(Control::Close { reason: reason_text, reconnect, retry_ms }));
            effects.push(Effect::Close(code, reason));
        }
    }

    fn control(&mut self, control: Control, now: Instant, effects: &mut Vec<Effect>) {
        if let Control::Publish { reference, event } = control {
            return self.publish(Some(reference), event, now, effects);
        }
        let reference = match &control {
            Control::Subscribe { reference, .. }
            | Control::Unsubscribe { reference, .. }
            | Control::Refresh { reference, .. } => reference.clone(),
            other => {
                let refusal = Refusal {
                    reference: String::new(),
                    code: ErrorCode::ReservedType,
                    message: format!("`{}` is not for a hub", other.frame_type()),
                    topic: None,
                };
                return self.bad_frame(refusal, effects);
            }
        };
        if !self.control_rate.allow(now) {
            let most = self.limits.control_rate;
            let message = format!("more than {most} control frames a second; wait before the next one");
            return rate_limited(reference, message, effects);
        }
        match control {
            Control::Subscribe { topics, .. } | Control::Unsubscribe { topics, .. }
                if topics.len() > self.most_topics_at_once() =>
            {
                let (code, message) =
                    (ErrorCode::TooManyTopics, format!("{} topics in one frame", topics.len()));
                refuse(Refusal { reference, code, message, topic: None }, effects);
            }
            Control::Subscribe { topics, .. } => self.subscribe(reference, topics, effects),
            Control::Unsubscribe { topics, .. } => self.unsubscribe(reference, topics, effects),
            Control::Refresh { .. } if self.refreshing => {
                rate_limited(reference, "another token is being looked at".to_owned(), effects);
            }
            Control::Refresh { token, .. } => {
                self.refreshing = true;
                effects.push(Effect::Refresh(reference, token));
            }
            _ => {}
        }
    }

    /// Each topic may be answered by a frame of its own, so a request for far more than can be granted is not looked at.
    fn most_topics_at_once(&self) -> usize {
        self.limits.max_topics.saturating_mul(4).saturating_add(64)
    }

    fn subscribe(&mut self, reference: String, topics: Vec<String>, effects: &mut Vec<Effect>) {
        // Who asks again and again for what is under way fills no memory.
        if self.requests.len() >= self.limits.max_topics.max(LEAST_REQUESTS) {
            let message = "too many requests wait for their answers".to_owned();
            return rate_limited(reference, message, effects);
        }
        let request = self.next;
        self.next += 1;
        self.requests.insert(request, Request { reference, open: 1, granted: Vec::new(), refused: false });
        for topic in topics {
            if let Some(request) = self.requests.get_mut(&request) {
                request.open += 1;
            }
            match self.ask(&topic, request, effects) {
                // It is decided later.
                Ok(false) => {}
                Ok(true) => self.decide(request, topic, Ok(()), effects),
                Err(refused) => self.decide(request, topic, Err(refused), effects),
            }
        }
        self.answered(request, effects);
    }

    /// Whether the interest is active; `Ok(false)` if that is to be seen.
    fn ask(
        &mut self,
        topic: &str,
        request: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<bool, (ErrorCode, String)> {
        let interest: Interest = topic.parse().map_err(|error| {
            let error = Error::from(error);
            (ErrorCode::from(&error), error.to_string())
        })?;
        match self.interests.get_mut(&interest) {
            Some(Standing::Active) => return Ok(true),
            Some(Standing::Pending(_, waiting)) => {
                if waiting.last() == Some(&request) {
                    // Named twice in one request, and counted already.
                    self.answered(request, effects);
                } else {
                    waiting.push(request);
                }
                return Ok(false);
            }
            None => {}
        }
        self.authorizer
            .may_subscribe(&self.connection, &interest)
            .map_err(|denied| (denied.code(), denied.reason().to_owned()))?;
        if self.interests.len() >= self.limits.max_topics {
            let message = format!("a connection may have {} topics", self.limits.max_topics);
            return Err((ErrorCode::TooManyTopics, message));
        }
        let token = Token(self.next);
        self.next += 1;
        self.interests.insert(interest.clone(), Standing::Pending(token, vec![request]));
        effects.push(Effect::Subscribe(token, interest));
        Ok(false)
    }

    /// One topic of a request is granted or refused.
    pub(super) fn decide(
        &mut self,
        request: u64,
        topic: String,
        result: Result<(), (ErrorCode, String)>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(waiting) = self.requests.get_mut(&request) else { return };
        match result {
            Ok(()) if waiting.granted.contains(&topic) => {}
            Ok(()) => waiting.granted.push(topic),
            Err((code, message)) => {
                waiting.refused = true;
                let reference = waiting.reference.clone();
                refuse(Refusal { reference, code, message, topic: Some(short(&topic)) }, effects);
            }
        }
        self.answered(request, effects);
    }

    /// One thing less is open; the last one answers the request.
    fn answered(&mut self, request: u64, effects: &mut Vec<Effect>) {
        let Some(waiting) = self.requests.get_mut(&request) else { return };
        waiting.open -= 1;
        if waiting.open == 0
            && let Some(Request { reference, granted, refused, .. }) = self.requests.remove(&request)
            && (!granted.is_empty() || !refused)
        {
            effects.push(Effect::Send(Control::Subscribed { reference, topics: granted }));
        }
    }

    fn unsubscribe(&mut self, reference: String, topics: Vec<String>, effects: &mut Vec<Effect>) {
        let (mut done, mut refused) = (Vec::new(), false);
        for topic in topics {
            match topic.parse::<Interest>() {
                Err(error) => {
                    let error = Error::from(error);
                    let (code, message) = (ErrorCode::from(&error), error.to_string());
                    let (reference, topic) = (reference.clone(), Some(short(&topic)));
                    refuse(Refusal { reference, code, message, topic }, effects);
                    refused = true;
                }
                Ok(interest) => {
                    match self.interests.remove(&interest) {
                        None => {}
                        Some(Standing::Active) => {
                            // An answer that is still to come must not call it active.
                            for request in self.requests.values_mut() {
                                request.granted.retain(|granted| *granted != topic);
                            }
                            effects.push(Effect::Unsubscribe(interest));
                        }
                        Some(Standing::Pending(_, waiting)) => {
                            effects.push(Effect::Unsubscribe(interest));
                            for request in waiting {
                                self.answered(request, effects);
                            }
                        }
                    }
                    if !done.contains(&topic) {
                        done.push(topic);
                    }
                }
            }
        }
        if !done.is_empty() || !refused {
            effects.push(Effect::Send(Control::Unsubscribed { reference, topics: done }));
        }
    }

    fn publish(&mut self, reference: Option<String>, event: Event, now: Instant, effects: &mut Vec<Effect>) {
        if let Some(rate) = &mut self.publish_rate
            && !rate.allow(now)
        {
            let most = self.limits.max_publish_rate.unwrap_or_default();
            let message = format!("more than {most} events a second");
            return rate_limited(reference.unwrap_or_default(), message, effects);
        }
        match self.authorizer.may_publish(&self.connection, event.topic()) {
            Ok(()) => effects.push(Effect::Publish(reference, event)),
            Err(denied) => {
                let (code, message) = (denied.code(), denied.reason().to_owned());
                // With a topic and without a reference it would say that an interest has ended.
                let topic = reference.is_some().then(|| event.topic().to_string());
                let reference = reference.unwrap_or_default();
                refuse(Refusal { reference, code, message, topic }, effects);
            }
        }
    }

    fn bad_frame(&mut self, refusal: Refusal, effects: &mut Vec<Effect>) {
        refuse(refusal, effects);
        self.bad_frames += 1;
        if self.bad_frames >= self.limits.max_bad_frames {
            self.close(CloseCode::Policy, "too many bad frames", None, effects);
        }
    }
}

fn rate_limited(reference: String, message: String, effects: &mut Vec<Effect>) {
    refuse(Refusal { reference, code: ErrorCode::RateLimited, message, topic: None }, effects);
}

pub(super) fn refuse(refusal: Refusal, effects: &mut Vec<Effect>) {
    let Refusal { reference, code, message, topic } = refusal;
    effects.push(Effect::Send(Control::Error { reference, code: code.as_str().to_owned(), message, topic }));
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("connection", &self.connection)
            .field("interests", &self.interests.len())
            .finish_non_exhaustive()
    }
}
