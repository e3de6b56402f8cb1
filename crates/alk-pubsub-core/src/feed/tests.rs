use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Feed, FeedItem};
use crate::gap::{Gap, GapReason};
use crate::name::{Interest, Topic};
use crate::router::{Bounds, Framing, Overflow};
use crate::{Encoding, Event, EventTarget, InProcessEventTarget, Scope};

/// One envelope a line.
struct Lines;

impl Framing for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(envelope);
        out.push(b'\n');
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Event(String, u64),
    Gap(Gap),
    Ended(Interest),
}

fn lines(bytes: &Bytes) -> impl Iterator<Item = Seen> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
        let event = Event::from_encoded(Encoding::JSON, Bytes::copy_from_slice(line)).unwrap().decode::<u64>().unwrap();
        Seen::Event(event.topic().to_string(), *event.payload())
    })
}

fn interest(text: &str) -> Interest {
    text.parse().unwrap()
}

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

struct Fixture {
    target: InProcessEventTarget,
    feed: Feed,
    bounds: Bounds,
    next: u64,
}

impl Fixture {
    fn new(bounds: Bounds) -> Self {
        Self { target: InProcessEventTarget::in_process(), feed: Feed::new(), bounds, next: 0 }
    }

    fn insert(&mut self, text: &str) -> bool {
        let subscription = self.target.subscribe_raw(interest(text), self.bounds).try_ready().unwrap().unwrap();
        self.feed.insert(subscription)
    }

    fn remove(&mut self, text: &str) -> bool {
        self.feed.remove(&interest(text))
    }

    fn publish(&mut self, to: &str) -> u64 {
        let number = self.next;
        self.next += 1;
        self.target.try_dispatch_event(Event::new(topic(to), number)).unwrap();
        number
    }

    fn poll(&mut self, most_bytes: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        let _ = self.feed.poll_items(&mut Context::from_waker(Waker::noop()), &Lines, most_bytes, &mut |item| match item {
            FeedItem::Frames { bytes, events } => {
                let before = seen.len();
                seen.extend(lines(&bytes));
                assert_eq!(seen.len() - before, events as usize, "a frame for each event");
            }
            FeedItem::Gap(gap) => seen.push(Seen::Gap(gap)),
            FeedItem::Ended(interest) => seen.push(Seen::Ended(interest)),
        });
        seen
    }

    fn drain(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let seen = self.poll(usize::MAX);
            if seen.is_empty() {
                return all;
            }
            all.extend(seen);
        }
    }
}

fn event(topic: &str, number: u64) -> Seen {
    Seen::Event(topic.to_owned(), number)
}

#[test]
fn what_a_broader_interest_takes_over_stays_in_order() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.insert("a:1");
    fixture.publish("a:1");
    fixture.publish("a:1");
    fixture.insert("a");
    fixture.publish("a:1");
    fixture.publish("a:2");
    assert_eq!(fixture.drain(), [event("a:1", 0), event("a:1", 1), event("a:1", 2), event("a:2", 3)]);
}

const TOPICS: [&str; 5] = ["a:1", "a:2", "b:1", "b:", "c:x:y"];
const INTERESTS: [&str; 7] = ["a:1", "a:2", "b:1", "a", "b", "*", "c:x:y"];

#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    /// The same `Event` once more, as somebody does who encodes once and sends often.
    Again(usize),
    Insert(usize),
    Remove(usize),
    Poll(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..TOPICS.len()).prop_map(Step::Publish),
        2 => (0..TOPICS.len()).prop_map(Step::Again),
        2 => (0..INTERESTS.len()).prop_map(Step::Insert),
        2 => (0..INTERESTS.len()).prop_map(Step::Remove),
        1 => prop_oneof![Just(1usize), Just(100), Just(usize::MAX)].prop_map(Step::Poll),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However interests come and go: every event that some interest has matched from its publication on is handed out
    /// exactly once, in its topic's order, and nothing else is.
    #[test]
    fn each_matching_event_is_handed_out_once_and_in_order(steps in steps()) {
        let mut fixture = Fixture::new(Bounds::default());
        let mut wanted: BTreeSet<usize> = BTreeSet::new();
        let mut pending: Vec<(String, u64)> = Vec::new();
        let repeated: Vec<Event> = TOPICS.iter().map(|text| Event::new(topic(text), u64::MAX)).collect();
        let matched = |wanted: &BTreeSet<usize>, to: &str| {
            wanted.iter().any(|at| interest(INTERESTS[*at]).matches(&topic(to)))
        };
        let check = |pending: &mut Vec<(String, u64)>, seen: Vec<Seen>| {
            for seen in seen {
                let Seen::Event(to, number) = &seen else { return Err(TestCaseError::fail(format!("{seen:?}"))) };
                let first = pending.iter().position(|(topic, _)| topic == to);
                prop_assert!(first.is_some(), "{} was not to be handed out", number);
                let (_, expected) = pending.remove(first.unwrap());
                prop_assert_eq!(*number, expected, "out of order on {}", to);
            }
            Ok(())
        };
        for step in steps {
            match step {
                Step::Publish(at) => {
                    let number = fixture.publish(TOPICS[at]);
                    if matched(&wanted, TOPICS[at]) {
                        pending.push((TOPICS[at].to_owned(), number));
                    }
                }
                Step::Again(at) => {
                    fixture.target.try_dispatch_event(repeated[at].clone()).unwrap();
                    if matched(&wanted, TOPICS[at]) {
                        pending.push((TOPICS[at].to_owned(), u64::MAX));
                    }
                }
                Step::Insert(at) => {
                    prop_assert_eq!(fixture.insert(INTERESTS[at]), wanted.insert(at));
                }
                Step::Remove(at) => {
                    prop_assert_eq!(fixture.remove(INTERESTS[at]), wanted.remove(&at));
                    pending.retain(|(to, _)| matched(&wanted, to));
                }
                Step::Poll(most) => {
                    let seen = fixture.poll(most);
                    check(&mut pending, seen)?;
                }
            }
            prop_assert_eq!(fixture.feed.len(), wanted.len());
        }
        let seen = fixture.drain();
        check(&mut pending, seen)?;
        prop_assert!(pending.is_empty(), "{:?} were lost", pending);
        drop(fixture.feed);
        prop_assert_eq!(fixture.target.stats().interests, 0);
    }
}
