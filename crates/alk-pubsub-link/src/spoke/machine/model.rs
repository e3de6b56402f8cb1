//! The machine against a naive hub: whatever happens in whatever order, both end up with what is wanted, and nobody hears
//! an event of a new connection before the gap that the lost one has left.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alk_pubsub_core::{Event, EventType, Gap, GapReason, Interest, Topic};
use proptest::prelude::*;

use super::{Confirmation, Effect, Machine};
use crate::frame::{Control, Frame, Welcome};

const TOPICS: [&str; 5] = ["a:1", "a:2", "a", "b:1", "*"];

#[derive(Debug, Clone)]
enum Op {
    Want(usize),
    Drop(usize),
    Ask,
    /// The hub handles the next frame; how it answers a subscribe.
    Hub(Answer),
    /// The spoke handles the next frame.
    Spoke,
    Publish(usize),
    /// The hub ends what it has granted.
    End(usize),
    Retry,
    Disconnect,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Grant,
    Refuse(&'static str),
    LimitRate,
}

fn op() -> impl Strategy<Value = Op> {
    let topic = 0..TOPICS.len();
    let end = topic.clone().prop_map(Op::End);
    let answer = prop_oneof![
        6 => Just(Answer::Grant),
        1 => Just(Answer::Refuse("forbidden")),
        1 => Just(Answer::Refuse("unavailable")),
        1 => Just(Answer::LimitRate),
    ];
    prop_oneof![
        4 => topic.clone().prop_map(Op::Want),
        3 => topic.prop_map(Op::Drop),
        4 => Just(Op::Ask),
        5 => answer.prop_map(Op::Hub),
        6 => Just(Op::Spoke),
        2 => (0..2usize).prop_map(Op::Publish),
        1 => end,
        1 => Just(Op::Retry),
        1 => Just(Op::Disconnect),
    ]
}

/// What a listener of an interest may rely on.
#[derive(Debug, Default)]
struct Listener {
    /// It was told that its interest is active, on a connection that was lost since, and not of a gap yet.
    owed: bool,
    active: bool,
}

fn error(reference: &str, code: &str, topic: Option<String>) -> Frame {
    let (reference, code, message) = (reference.to_owned(), code.to_owned(), String::new());
    Frame::Control(Control::Error { reference, code, message, topic })
}

struct World {
    machine: Machine,
    wanted: BTreeMap<Interest, Listener>,
    up: VecDeque<Control>,
    down: VecDeque<Frame>,
    hub: BTreeSet<Interest>,
    refused: BTreeSet<Interest>,
}

fn interest(at: usize) -> Interest {
    TOPICS[at].parse().expect("an interest")
}

fn event(topic: &str) -> Event {
    let topic: Topic = topic.parse().expect("a topic");
    Event::new(
        Topic::new(EventType::new(topic.event_type()).expect("a type"), topic.id()).expect("an id"),
        (),
    )
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            machine: Machine::default(),
            wanted: BTreeMap::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            hub: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let welcome = Welcome { protocol: 1, heartbeat_ms: 1, max_frame_bytes: 65_536, max_topics: 3 };
        self.down.push_back(Frame::Control(Control::Welcome { connection: "c".to_owned(), welcome }));
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Want(at) => {
                if let Entry::Vacant(vacant) = self.wanted.entry(interest(*at)) {
                    vacant.insert(Listener::default());
                    self.refused.remove(&interest(*at));
                    self.machine.want(&interest(*at));
                }
                // What is confirmed at once has to be at the hub, or on its way there behind nothing that takes it away.
                if self.machine.confirmation(&interest(*at)) == Confirmation::Confirmed {
                    self.wanted.entry(interest(*at)).or_default().active = true;
                    assert!(self.has_or_says_so(&interest(*at)));
                    assert!(!self.up.iter().any(|control| matches!(control,
                        Control::Unsubscribe { topics, .. } if topics.contains(&interest(*at).to_string()))));
                }
            }
            Op::Drop(at) => {
                if self.wanted.remove(&interest(*at)).is_some() {
                    let mut effects = Vec::new();
                    self.machine.drop_interest(&interest(*at), &mut effects);
                    self.carry_out(effects);
                }
            }
            Op::Ask => {
                let mut effects = Vec::new();
                self.machine.ask(&mut effects);
                self.carry_out(effects);
            }
            Op::Hub(answer) => self.hub(*answer),
            Op::Spoke => {
                if let Some(frame) = self.down.pop_front() {
                    let mut effects = Vec::new();
                    self.machine.received(Ok(frame), &mut effects);
                    self.carry_out(effects);
                }
            }
            Op::Publish(at) => {
                let event = event(["a:1", "b:1"][*at]);
                if self.hub.iter().any(|interest| interest.matches(event.topic())) {
                    self.down.push_back(Frame::Event(event));
                }
            }
            Op::End(at) => {
                if self.hub.remove(&interest(*at)) {
                    self.down.push_back(error("", "forbidden", Some(TOPICS[*at].to_owned())));
                }
            }
            Op::Retry => self.machine.retry(),
            Op::Disconnect => {
                self.up.clear();
                self.down.clear();
                self.hub.clear();
                self.refused.clear();
                for listener in self.wanted.values_mut() {
                    listener.owed |= std::mem::take(&mut listener.active);
                }
                self.machine.disconnected();
                self.connect();
            }
        }
    }

    /// Whether the hub has an interest, or has ended it and the spoke is about to hear of that.
    fn has_or_says_so(&self, interest: &Interest) -> bool {
        self.hub.contains(interest)
            || self.down.iter().any(|frame| {
                matches!(frame, Frame::Control(Control::Error { reference, topic: Some(topic), .. })
                    if reference.is_empty() && *topic == interest.to_string())
            })
    }

    fn hub(&mut self, answer: Answer) {
        let Some(control) = self.up.pop_front() else { return };
        match (control, answer) {
            (
                Control::Subscribe { reference, .. } | Control::Unsubscribe { reference, .. },
                Answer::LimitRate,
            ) => {
                self.down.push_back(error(&reference, "rate_limited", None));
            }
            (Control::Unsubscribe { reference, topics }, _) => {
                for topic in &topics {
                    self.hub.remove(&topic.parse().expect("an interest"));
                }
                self.down.push_back(Frame::Control(Control::Unsubscribed { reference, topics }));
            }
            (Control::Subscribe { reference, mut topics }, answer) => {
                // What it has, a hub grants again.
                let has = |topic: &String| self.hub.contains(&topic.parse().expect("an interest"));
                if let Answer::Refuse(code) = answer
                    && !topics.last().is_some_and(has)
                {
                    self.down.push_back(error(&reference, code, topics.pop()));
                }
                self.hub.extend(topics.iter().map(|topic| topic.parse::<Interest>().expect("an interest")));
                if !topics.is_empty() {
                    self.down.push_back(Frame::Control(Control::Subscribed { reference, topics }));
                }
            }
            (other, _) => panic!("not for a hub: {other:?}"),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(control) => self.up.push_back(control),
                Effect::Gap(Some(interest), gap) => {
                    assert_eq!(gap, Gap::new(GapReason::Reconnected, None));
                    let listener = self.wanted.get_mut(&interest).expect("a gap is for somebody");
                    assert!(std::mem::take(&mut listener.owed), "a gap for nothing: {interest}");
                }
                Effect::Confirmed(interest) => {
                    let has = self.has_or_says_so(&interest);
                    if let Some(listener) = self.wanted.get_mut(&interest) {
                        assert!(!listener.owed, "confirmed without the gap: {interest}");
                        listener.active = true;
                        assert!(has, "confirmed what the hub does not have: {interest}");
                    }
                    self.refused.remove(&interest);
                }
                Effect::Refused(interest, _) => {
                    self.refused.insert(interest);
                }
                Effect::Ended(interest, _) => {
                    // As the router does it, unless it was given up meanwhile.
                    assert!(self.machine.forget_refused(&interest));
                    assert!(self.wanted.remove(&interest).is_some(), "ended for nobody: {interest}");
                }
                // About an interest that was given up, or asked for anew since.
                Effect::Complaint { .. } => {}
                Effect::Deliver(event, scope) => {
                    for (interest, listener) in &self.wanted {
                        let hears = match interest {
                            Interest::Topic(_) => scope.topic,
                            Interest::Type(_) => scope.event_type,
                            Interest::Everything => scope.everything,
                        };
                        if interest.matches(event.topic()) {
                            assert!(hears || listener.owed, "withheld from {interest}");
                            assert!(!hears || !listener.owed, "{interest} hears before its gap");
                        }
                    }
                }
                Effect::Settled | Effect::RetryLater => {}
                other => panic!("a hub that behaves gets {other:?}"),
            }
        }
    }

    /// Everything goes its way, and the hub grants what it is asked.
    fn quiesce(&mut self) {
        for _ in 0..64 {
            self.run(&Op::Retry);
            self.run(&Op::Ask);
            (0..16).for_each(|_| self.run(&Op::Hub(Answer::Grant)));
            (0..64).for_each(|_| self.run(&Op::Spoke));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn both_ends_converge(ops in proptest::collection::vec(op(), 0..80)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.run(op));
        world.quiesce();
        prop_assert!(world.up.is_empty() && world.down.is_empty());
        let wanted: BTreeSet<_> = world.wanted.keys().filter(|wanted| !world.refused.contains(wanted)).cloned().collect();
        prop_assert_eq!(&world.hub, &wanted);
        for (interest, listener) in &world.wanted {
            let refused = world.refused.contains(interest);
            prop_assert!(listener.active || refused, "{} is not confirmed", interest);
            prop_assert!(!listener.owed || refused, "{} was not told of its gap", interest);
        }
    }
}
