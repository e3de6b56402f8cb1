//! A feed of copies against what a consumer may expect, with each interest's copies arriving when they like.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::{Feed, FeedItem};
use crate::name::Interest;
use crate::router::{Bounds, Framing, Router, Scope};
use crate::target::{Published, TargetFuture};
use crate::{Encoding, Error, Event, EventTarget, RawSubscription, RoutedEventTarget, Upstream};

const TOPICS: [&str; 4] = ["a:1", "a:2", "b:1", "b:2"];
const INTERESTS: [&str; 6] = ["a:1", "a:2", "b:1", "a", "b", "*"];

#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    /// So many copies of an interest arrive.
    Arrive(usize, usize),
    Insert(usize),
    Remove(usize),
    Poll,
}

/// Topic and number of each event.
struct Numbers;

impl Framing for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, event: &Event, _: &[u8], out: &mut Vec<u8>) {
        let number = event.decode::<u64>().unwrap();
        out.extend_from_slice(format!("{} {}\n", event.topic(), number.payload()).as_bytes());
    }
}

pub(super) struct Remote(pub(super) Router);

impl Upstream for Remote {
    fn publish(&self, _: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(Ok(Published::exact(0)))
    }

    fn try_publish(&self, _: Event) -> Result<Published, Error> {
        Ok(Published::exact(0))
    }

    fn delivers_copies(&self) -> bool {
        true
    }
}

struct Fixture {
    target: RoutedEventTarget<Remote>,
    feed: Feed,
    next: u64,
    /// The copies of each interest that are on their way.
    under_way: Vec<VecDeque<Event>>,
    /// Of somebody else in the process.
    _others: Vec<RawSubscription>,
}

fn interest(at: usize) -> Interest {
    INTERESTS[at].parse().unwrap()
}

impl Fixture {
    fn new() -> Self {
        let target = RoutedEventTarget::new(Remote);
        let subscribe =
            |at| target.subscribe_raw(interest(at), Bounds::default()).try_ready().unwrap().unwrap();
        let _others = vec![subscribe(0), subscribe(5)];
        let under_way = INTERESTS.iter().map(|_| VecDeque::new()).collect();
        Self { target, feed: Feed::new(), next: 0, under_way, _others }
    }

    fn publish(&mut self, to: &str) -> u64 {
        self.next += 1;
        let event = Event::new(to.parse().unwrap(), self.next);
        let active = self.target.interests(100);
        for (at, under_way) in self.under_way.iter_mut().enumerate() {
            let is_active = active.iter().any(|(active, _)| *active == interest(at));
            if is_active && interest(at).matches(event.topic()) {
                under_way.push_back(event.clone());
            }
        }
        self.next
    }

    fn arrive(&mut self, at: usize, most: usize) {
        let scope = Scope {
            topic: matches!(interest(at), Interest::Topic(_)),
            event_type: matches!(interest(at), Interest::Type(_)),
            everything: matches!(interest(at), Interest::Everything),
        };
        let copies = &mut self.under_way[at];
        for copy in copies.drain(..most.min(copies.len())) {
            self.target.upstream().0.deliver(copy, scope);
        }
    }

    fn insert(&mut self, at: usize) -> bool {
        let raw = self.target.subscribe_raw(interest(at), Bounds::default()).try_ready().unwrap().unwrap();
        self.feed.insert(raw)
    }

    fn poll(&mut self) -> Vec<(String, u64)> {
        let mut text = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut out = |item| match item {
            FeedItem::Frames { bytes, .. } => text.extend_from_slice(&bytes),
            other => unreachable!("{other:?}"),
        };
        while let Poll::Ready(()) = self.feed.poll_items(&mut cx, &Numbers, usize::MAX, &mut out) {}
        let text = String::from_utf8(text).unwrap();
        let parse =
            |line: &str| line.split_once(' ').map(|(to, number)| (to.to_owned(), number.parse().unwrap()));
        text.lines().filter_map(parse).collect()
    }
}

/// What the consumer may expect.
#[derive(Default)]
struct Consumer {
    wanted: BTreeSet<usize>,
    /// Published since the topic is wanted.
    pending: HashMap<String, VecDeque<u64>>,
    /// The last that came since the topic is wanted.
    last: HashMap<String, u64>,
}

impl Consumer {
    fn wants(&self, to: &str) -> bool {
        self.wanted.iter().any(|at| interest(*at).matches(&to.parse().unwrap()))
    }

    fn forget_unwanted(&mut self) {
        for to in TOPICS {
            if !self.wants(to) {
                self.pending.remove(to);
                self.last.remove(to);
            }
        }
    }

    fn see(&mut self, events: Vec<(String, u64)>) -> Result<(), TestCaseError> {
        for (to, number) in events {
            prop_assert!(self.wants(&to), "{} {} is not wanted", to, number);
            let last = self.last.insert(to.clone(), number);
            prop_assert!(last.is_none_or(|last| last < number), "{} {} after {:?}", to, number, last);
            let pending = self.pending.entry(to.clone()).or_default();
            // What was published before the topic was wanted may come too.
            if pending.front().is_some_and(|first| *first <= number) {
                prop_assert_eq!(pending.pop_front(), Some(number), "lost on {}", to);
            }
        }
        Ok(())
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..TOPICS.len()).prop_map(Step::Publish),
        4 => (0..INTERESTS.len(), 1..4usize).prop_map(|(at, most)| Step::Arrive(at, most)),
        2 => (0..INTERESTS.len()).prop_map(Step::Insert),
        2 => (0..INTERESTS.len()).prop_map(Step::Remove),
        1 => Just(Step::Poll),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// However interests come and go, and whenever copies arrive: every event is handed out exactly once whose topic was
    /// wanted from its publication on, in its topic's order, and nothing that is not wanted.
    #[test]
    fn each_wanted_event_is_handed_out_once_and_in_order(steps in steps()) {
        let mut fixture = Fixture::new();
        let mut consumer = Consumer::default();
        for step in steps {
            match step {
                Step::Publish(at) => {
                    let number = fixture.publish(TOPICS[at]);
                    if consumer.wants(TOPICS[at]) {
                        consumer.pending.entry(TOPICS[at].to_owned()).or_default().push_back(number);
                    }
                }
                Step::Arrive(at, most) => fixture.arrive(at, most),
                Step::Insert(at) => prop_assert_eq!(fixture.insert(at), consumer.wanted.insert(at)),
                Step::Remove(at) => {
                    prop_assert_eq!(fixture.feed.remove(&interest(at)), consumer.wanted.remove(&at));
                    consumer.forget_unwanted();
                }
                Step::Poll => consumer.see(fixture.poll())?,
            }
            prop_assert_eq!(fixture.feed.len(), consumer.wanted.len());
            prop_assert_eq!(fixture.feed.interests().count(), consumer.wanted.len());
        }
        for at in 0..INTERESTS.len() {
            fixture.arrive(at, usize::MAX);
        }
        consumer.see(fixture.poll())?;
        let lost: Vec<_> = consumer.pending.iter().filter(|(_, numbers)| !numbers.is_empty()).collect();
        prop_assert!(lost.is_empty(), "{:?} were lost", lost);
        // What nobody relies on any more is not kept.
        for at in consumer.wanted {
            fixture.feed.remove(&interest(at));
        }
        prop_assert_eq!(fixture.target.stats().interests, 2);
    }
}
