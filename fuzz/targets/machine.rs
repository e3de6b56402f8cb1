//! The hub's end of a link, whatever a spoke sends and however its subscriptions and publishes turn out: what it asks of its
//! surroundings makes sense, its limits hold, and every frame it sends can be read.
#![no_main]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Error, ErrorKind, Gap, GapReason, Interest, Published, Receivers, Topic};
use alk_pubsub_link::{
    Authorizer, CloseCode, ConnectionInfo, Control, Denied, Effect, ErrorCode, Frame, Limits, Machine, Token,
    Wire,
};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::time::Instant;

#[derive(Debug, Arbitrary)]
enum Step<'a> {
    /// Any bytes.
    Raw(bool, &'a [u8]),
    Subscribe(u8, Vec<Name<'a>>),
    Unsubscribe(u8, Vec<Name<'a>>),
    Event(Name<'a>),
    Publish(u8, Name<'a>),
    /// The target decides on a subscription that was asked for at some time.
    Decide(u8, bool),
    /// The target decides on a publish.
    Published(u8, bool),
    Gap(Option<u64>),
    /// A new token, and what becomes of one.
    Refresh(u8),
    Refreshed(Option<u16>),
    Expiring(u16),
    /// Rights are taken back: all that are not allowed any more, or those of one name.
    AskAgain,
    End(Name<'a>),
    Wait(u16),
    Close,
}

/// Few names, so that they meet, and any text.
#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Topic(u8),
    Type(u8),
    Everything,
    Forbidden,
    Any(&'a str),
}

impl Name<'_> {
    fn text(&self) -> String {
        match self {
            Name::Topic(n) => format!("t{}:{}", n % 2, n / 2 % 4),
            Name::Type(n) => format!("t{}", n % 4),
            Name::Everything => "*".to_owned(),
            Name::Forbidden => "no:1".to_owned(),
            Name::Any(text) => (*text).to_owned(),
        }
    }
}

struct NoNo;

impl Authorizer for NoNo {
    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        if interest.to_string().starts_with("no") { Err(Denied::new("no")) } else { Ok(()) }
    }

    fn may_publish(&self, _: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        if topic.event_type().as_str() == "no" { Err(Denied::new("no")) } else { Ok(()) }
    }
}

const MAX_TOPICS: usize = 5;

/// What the surroundings know.
struct Surroundings {
    wire: Wire,
    /// Pending or active, with its token.
    wanted: HashMap<Interest, (Token, bool)>,
    asked: Vec<(Token, Interest)>,
    publishing: Vec<Option<String>>,
    refreshing: Vec<String>,
    requests: HashMap<String, u32>,
    closed: bool,
}

impl Surroundings {
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            assert!(!self.closed, "nothing comes after the end: {effect:?}");
            match effect {
                Effect::Send(control) => self.sent(&control),
                Effect::Subscribe(token, interest) => {
                    assert!(self.asked.iter().all(|(other, _)| *other != token), "a token is used once");
                    let before = self.wanted.insert(interest.clone(), (token, false));
                    assert!(before.is_none(), "{interest} is asked for twice");
                    self.asked.push((token, interest));
                }
                Effect::Unsubscribe(interest) => {
                    assert!(self.wanted.remove(&interest).is_some(), "{interest} was not asked for");
                }
                Effect::Publish(reference, event) => {
                    assert_ne!(event.topic().event_type().as_str(), "no");
                    self.publishing.push(reference);
                }
                Effect::Refresh(reference, _) => {
                    assert!(self.refreshing.is_empty(), "one token is looked at at a time");
                    self.refreshing.push(reference);
                }
                Effect::Close(..) => self.closed = true,
            }
            assert!(self.wanted.len() <= MAX_TOPICS, "more topics than are allowed");
        }
    }

    fn sent(&mut self, control: &Control) {
        let bytes = control.encode(self.wire).expect("a frame of a hub is strings and numbers");
        assert!(matches!(Frame::decode(self.wire, &bytes), Ok(Frame::Control(_))), "{control:?}");
        match control {
            Control::Subscribed { reference, topics } => {
                for topic in topics {
                    let interest: Interest = topic.parse().expect("an interest");
                    assert!(
                        matches!(self.wanted.get(&interest), Some((_, true))),
                        "{interest} is not active"
                    );
                }
                self.answer(reference);
            }
            Control::Unsubscribed { reference, topics } => {
                for topic in topics {
                    let interest: Interest = topic.parse().expect("an interest");
                    assert!(!self.wanted.contains_key(&interest), "{interest} is still wanted");
                }
                self.answer(reference);
            }
            Control::Welcome { .. } | Control::Published { .. } | Control::Error { .. } => {}
            Control::Gap { .. } | Control::Close { .. } => {}
            Control::Refreshed { .. } | Control::Expiring { .. } => {}
            other => panic!("a hub does not send {other:?}"),
        }
    }

    fn answer(&mut self, reference: &str) {
        let open = self.requests.get_mut(reference).expect("only what was asked is answered");
        *open = open.checked_sub(1).expect("each request is answered once");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let wire = if input.arbitrary().unwrap_or(false) { Wire::Json } else { Wire::MsgPack };
    let mut limits = Limits::default();
    limits.max_topics = MAX_TOPICS;
    limits.max_bad_frames = 20;
    limits.max_publish_rate = Some(10);

    let mut effects = Vec::new();
    let connection = ConnectionInfo::new("c", None);
    let mut machine = Machine::new(connection, Arc::new(limits), Arc::new(NoNo), &mut effects);
    let mut surroundings = Surroundings {
        wire,
        wanted: HashMap::new(),
        asked: Vec::new(),
        publishing: Vec::new(),
        refreshing: Vec::new(),
        requests: HashMap::new(),
        closed: false,
    };
    surroundings.carry_out(effects);
    let mut now = Instant::now();
    while !input.is_empty()
        && let Ok(step) = input.arbitrary::<Step<'_>>()
    {
        let mut effects = Vec::new();
        take(step, &mut machine, &mut surroundings, &mut now, &mut effects);
        surroundings.carry_out(effects);
    }
});

fn take(
    step: Step<'_>,
    machine: &mut Machine,
    surroundings: &mut Surroundings,
    now: &mut Instant,
    effects: &mut Vec<Effect>,
) {
    let wire = surroundings.wire;
    let texts = |names: &[Name<'_>]| names.iter().map(Name::text).collect::<Vec<_>>();
    let frame = match step {
        Step::Raw(json, bytes) => Frame::decode_from_spoke(if json { Wire::Json } else { wire }, bytes),
        Step::Subscribe(n, names) => {
            Ok(Frame::Control(Control::Subscribe { reference: n.to_string(), topics: texts(&names) }))
        }
        Step::Unsubscribe(n, names) => {
            Ok(Frame::Control(Control::Unsubscribe { reference: n.to_string(), topics: texts(&names) }))
        }
        Step::Event(name) => Frame::decode_from_spoke(Wire::Json, event(&name).to_string().as_bytes()),
        Step::Publish(n, name) => {
            let publish = json!({"type": "__publish", "id": n.to_string(), "payload": event(&name)});
            Frame::decode_from_spoke(Wire::Json, publish.to_string().as_bytes())
        }
        Step::Decide(n, granted) => return decide(n, granted, machine, surroundings, effects),
        Step::Published(n, well) => {
            if surroundings.publishing.is_empty() {
                return;
            }
            let reference = surroundings.publishing.remove(usize::from(n) % surroundings.publishing.len());
            let result = if well {
                Ok(Published { receivers: Receivers::Exact(u64::from(n)) })
            } else {
                Err(Error::new(ErrorKind::Upstream, "so"))
            };
            return machine.published(reference, result, effects);
        }
        Step::Gap(missed) => return machine.gap(Gap::new(GapReason::Overflow, missed), effects),
        Step::Refresh(n) => {
            let refresh =
                json!({"type": "__refresh", "id": n.to_string(), "payload": {"token": "x".repeat(n.into())}});
            Frame::decode_from_spoke(Wire::Json, refresh.to_string().as_bytes())
        }
        Step::Refreshed(left) => {
            let Some(reference) = surroundings.refreshing.pop() else { return };
            let result = left.map(|left| Some(Duration::from_millis(left.into())));
            return machine.refreshed(reference, result.ok_or_else(|| Denied::new("so")), effects);
        }
        Step::Expiring(millis) => return machine.expiring(Duration::from_millis(millis.into()), effects),
        Step::AskAgain => return machine.ask_again(effects),
        Step::End(name) => {
            let Ok(interest) = name.text().parse::<Interest>() else { return };
            return machine.end(&interest, ErrorCode::Forbidden, "so", effects);
        }
        Step::Wait(millis) => {
            *now += Duration::from_millis(u64::from(millis));
            return;
        }
        Step::Close => return machine.close(CloseCode::GoingAway, "so", Some(1), effects),
    };
    if let Ok(Frame::Control(Control::Subscribe { reference, .. } | Control::Unsubscribe { reference, .. })) =
        &frame
    {
        *surroundings.requests.entry(reference.clone()).or_default() += 1;
    }
    machine.received(frame, *now, effects);
}

fn event(name: &Name<'_>) -> serde_json::Value {
    let text = name.text();
    let (event_type, id) = text.split_once(':').unwrap_or((&text, ""));
    json!({"type": event_type, "id": id, "payload": [1, "x"]})
}

fn decide(
    n: u8,
    granted: bool,
    machine: &mut Machine,
    surroundings: &mut Surroundings,
    effects: &mut Vec<Effect>,
) {
    if surroundings.asked.is_empty() {
        return;
    }
    let (token, interest) = surroundings.asked.remove(usize::from(n) % surroundings.asked.len());
    let error = Error::new(ErrorKind::Upstream, "so");
    let result = if granted { Ok(()) } else { Err(&error) };
    let is_pending = surroundings.wanted.get(&interest) == Some(&(token, false));
    let wanted = machine.subscribed(token, &interest, result, effects);
    assert_eq!(wanted, granted && is_pending && !surroundings.closed, "{interest}");
    if is_pending && !surroundings.closed {
        if granted {
            surroundings.wanted.insert(interest, (token, true));
        } else {
            surroundings.wanted.remove(&interest);
        }
    }
}
