use std::collections::VecDeque;

use proptest::prelude::*;

use super::fixture::{Hub, Read, drain, read};
use crate::codec::Encoding;
use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::router::{Bounds, Overflow, RawSubscription, Scope};

/// More gaps than this may wait for a reader that blocks publishers before it misses any event.
const GAP_ROOM: usize = 64;

#[derive(Debug, Clone, Copy)]
enum Entry {
    Event { number: u64, bytes: usize },
    Gap(Gap),
}

/// A subscription as a list of all that was not yet read.
struct Model {
    bounds: Bounds,
    waiting: VecDeque<Entry>,
    gaps: VecDeque<Gap>,
    missed: u64,
    ended: bool,
    closed: bool,
}

impl Model {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: VecDeque::new(),
            gaps: VecDeque::new(),
            missed: 0,
            ended: false,
            closed: false,
        }
    }

    fn has_room(&self) -> bool {
        self.bounds.overflow != Overflow::Block || (self.waiting.len() as u64) < self.bounds.events
    }

    fn exceeds(&self) -> bool {
        let most = match self.bounds.overflow {
            Overflow::Block => self.bounds.events as usize + GAP_ROOM,
            _ => self.bounds.events as usize,
        };
        let bytes: usize = self
            .waiting
            .iter()
            .map(|entry| if let Entry::Event { bytes, .. } = entry { *bytes } else { 0 })
            .sum();
        let heavy = self.bounds.overflow != Overflow::Block && bytes as u64 > self.bounds.bytes;
        self.waiting.len() > most || (heavy && self.waiting.len() > 1)
    }

    fn read(&mut self) -> Read {
        if self.gaps.is_empty() && !self.ended && self.exceeds() {
            let close = self.bounds.overflow == Overflow::Close;
            let (mut missed, mut gaps) = (0, Vec::new());
            while self.exceeds() || (close && !self.waiting.is_empty()) {
                match self.waiting.pop_front().unwrap() {
                    Entry::Event { .. } => missed += 1,
                    Entry::Gap(gap) => Gap::collect(&mut gaps, gap),
                }
            }
            self.ended = close;
            if missed > 0 {
                self.gaps.push_back(Gap::new(GapReason::Overflow, Some(missed)));
            }
            self.gaps.extend(gaps);
        }
        if let Some(gap) = self.gaps.pop_front() {
            self.missed += gap.missed().unwrap_or(0);
            return Read::Gap(gap);
        }
        if self.ended {
            return Read::Closed;
        }
        match self.waiting.pop_front() {
            Some(Entry::Event { number, .. }) => Read::Event(number),
            Some(Entry::Gap(gap)) => {
                self.missed += gap.missed().unwrap_or(0);
                Read::Gap(gap)
            }
            None if self.closed => Read::Closed,
            None => Read::Empty,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many events, values of this process.
    Publish(usize),
    /// An event that came as bytes, so many of them.
    Deliver(usize),
    Gap(Gap),
    Join(Bounds),
    Leave(usize),
    Read(usize, usize),
    Hold(usize),
    Close,
}

fn gap() -> impl Strategy<Value = Gap> {
    let reason =
        prop_oneof![Just(GapReason::Reconnected), Just(GapReason::TransportLag), Just(GapReason::Remote)];
    (reason, proptest::option::of(0..100u64)).prop_map(|(reason, missed)| Gap::new(reason, missed))
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let overflow =
        prop_oneof![3 => Just(Overflow::DropOldest), 1 => Just(Overflow::Block), 1 => Just(Overflow::Close)];
    let events = prop_oneof![1..6usize, 1..200usize];
    let bytes = prop_oneof![1..400usize, Just(Bounds::DEFAULT_BYTES)];
    (overflow, events, bytes).prop_map(|(overflow, events, bytes)| {
        Bounds::default().overflow(overflow).events(events).bytes(bytes)
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop_oneof![3 => 1..8usize, 1 => 1..300usize].prop_map(Step::Publish),
        4 => prop_oneof![3 => 0..40usize, 1 => 0..1000usize].prop_map(Step::Deliver),
        2 => gap().prop_map(Step::Gap),
        2 => bounds().prop_map(Step::Join),
        1 => (0..8usize).prop_map(Step::Leave),
        6 => (0..8usize, prop_oneof![2 => 1..5usize, 1 => 1..400usize]).prop_map(|(who, most)| Step::Read(who, most)),
        1 => (0..8usize).prop_map(Step::Hold),
        1 => Just(Step::Close),
    ];
    // A close in the middle is one in a while.
    proptest::collection::vec(step, 0..60)
}

fn raw(number: u64, padding: usize) -> Event {
    let text = format!(r#"{{"type":"a","id":"1","payload":{number},"_":"{:padding$}"}}"#, "");
    Event::from_encoded(Encoding::JSON, text.into()).unwrap()
}

#[test]
fn what_has_no_bytes_is_not_left_out_for_those_that_have() {
    let hub = Hub::new();
    (0..3).for_each(|number| assert!(hub.publish("a:1", number)));
    let mut subscription = hub.subscribe("a:1", Bounds::default().events(5).bytes(155));
    hub.router().deliver(raw(3, 0), Scope::ALL);
    (4..10).for_each(|number| assert!(hub.publish("a:1", number)));
    hub.router().deliver(raw(10, 114), Scope::ALL);
    let mut expected = vec![Read::Gap(Gap::new(GapReason::Overflow, Some(3)))];
    expected.extend((6..=10).map(Read::Event));
    assert_eq!(drain(&mut subscription), expected);
}

proptest! {
    /// Whoever joins and leaves, however far readers lag and in what way they overflow: each sees exactly what a list of its
    /// own would have held, every gap at its place, every missed event counted.
    #[test]
    fn readers_of_one_log_see_what_lists_of_their_own_would_hold(steps in steps()) {
        let hub = Hub::new();
        let mut readers: Vec<(RawSubscription, Model)> = Vec::new();
        let (mut next, mut closed) = (0, false);
        for step in steps {
            match step {
                Step::Publish(events) => {
                    for _ in 0..events {
                        let room = readers.iter().all(|(_, model)| model.has_room());
                        prop_assert_eq!(hub.publish("a:1", next), room || closed || readers.is_empty());
                        if room && !closed {
                            for (_, model) in &mut readers {
                                model.waiting.push_back(Entry::Event { number: next, bytes: 0 });
                            }
                        }
                        next += 1;
                    }
                }
                Step::Deliver(padding) => {
                    let event = raw(next, padding);
                    let bytes = event.encoded_len();
                    // An upstream that brings events does not ask whether there is room.
                    let receivers = hub.router().deliver(event, Scope::ALL);
                    prop_assert_eq!(receivers, if closed { 0 } else { readers.len() as u64 });
                    if !closed {
                        for (_, model) in &mut readers {
                            model.waiting.push_back(Entry::Event { number: next, bytes });
                        }
                    }
                    next += 1;
                }
                Step::Gap(gap) => {
                    hub.report_gap(gap);
                    if !closed {
                        for (_, model) in &mut readers {
                            model.waiting.push_back(Entry::Gap(gap));
                        }
                    }
                }
                Step::Join(bounds) if !closed && readers.len() < 8 => {
                    readers.push((hub.subscribe("a:1", bounds), Model::new(bounds)));
                }
                Step::Leave(who) if who < readers.len() => drop(readers.remove(who)),
                Step::Read(who, most) if who < readers.len() => {
                    let (subscription, model) = &mut readers[who];
                    for _ in 0..most {
                        let seen = read(subscription);
                        prop_assert_eq!(&seen, &model.read());
                        prop_assert_eq!(subscription.missed(), model.missed);
                        if seen == Read::Empty || seen == Read::Closed {
                            break;
                        }
                    }
                }
                Step::Hold(who) if who < readers.len() => {
                    let (subscription, model) = &mut readers[who];
                    subscription.hold();
                    prop_assert_eq!(subscription.len(), 0);
                    hub.publish("a:1", next);
                    subscription.resume_alone();
                    // What came while it was held, and what it had not read before, is not for it.
                    let (missed, closed) = (model.missed, model.closed);
                    let (room, bounds) = (true, model.bounds);
                    *model = Model { missed, closed, ..Model::new(bounds) };
                    let room = room && readers.iter().enumerate().all(|(at, (_, model))| at == who || model.has_room());
                    if room && !closed {
                        for (at, (_, model)) in readers.iter_mut().enumerate() {
                            if at != who {
                                model.waiting.push_back(Entry::Event { number: next, bytes: 0 });
                            }
                        }
                    }
                    next += 1;
                }
                Step::Close if next > 50 => {
                    hub.router().close();
                    closed = true;
                    readers.iter_mut().for_each(|(_, model)| model.closed = true);
                }
                _ => {}
            }
        }
        for (subscription, model) in &mut readers {
            let mut expected = Vec::new();
            loop {
                match model.read() {
                    Read::Empty | Read::Closed => break,
                    other => expected.push(other),
                }
            }
            prop_assert_eq!(drain(subscription), expected);
            prop_assert_eq!(subscription.missed(), model.missed);
        }
        drop(readers);
        let (added, removed) = hub.added_and_removed();
        prop_assert_eq!(added, removed);
    }
}
