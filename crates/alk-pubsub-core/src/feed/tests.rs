use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Feed, FeedItem};
use crate::gap::{Gap, GapReason};
use crate::name::{Interest, Topic};
use crate::router::{Bounds, Framing, Overflow};
use crate::{Encoding, Event, EventTarget, InProcessEventTarget};

/// One envelope a line.
pub(super) struct Lines;

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
        let event = Event::from_encoded(Encoding::JSON, Bytes::copy_from_slice(line))
            .unwrap()
            .decode::<u64>()
            .unwrap();
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
        let subscription =
            self.target.subscribe_raw(interest(text), self.bounds).try_ready().unwrap().unwrap();
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
        let _ =
            self.feed.poll_items(&mut Context::from_waker(Waker::noop()), &Lines, most_bytes, &mut |item| {
                match item {
                    FeedItem::Frames { bytes, events } => {
                        let before = seen.len();
                        seen.extend(lines(&bytes));
                        assert_eq!(seen.len() - before, events as usize, "a frame for each event");
                    }
                    FeedItem::Timed(_) => {}
                    FeedItem::Gap(gap) => seen.push(Seen::Gap(gap)),
                    FeedItem::Ended { interest, .. } => seen.push(Seen::Ended(interest)),
                }
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

#[test]
fn a_filter_leaves_out_events_wherever_they_wait_and_no_gap() {
    let mut fixture = Fixture::new(Bounds::default().events(4));
    fixture.feed.set_filter(Some(Box::new(|event| event.topic().id() == "1")));
    fixture.insert("a:1");
    fixture.insert("a:2");
    fixture.publish("a:1");
    fixture.publish("a:2");
    // These wait in the backlog from here on.
    fixture.insert("a");
    for to in ["a:2", "a:1", "a:3"] {
        fixture.publish(to);
    }
    assert_eq!(fixture.drain(), [event("a:1", 0), event("a:1", 3)]);
    for _ in 0..6 {
        fixture.publish("a:2");
    }
    fixture.publish("a:1");
    assert_eq!(fixture.drain(), [Seen::Gap(Gap::new(GapReason::Overflow, Some(3))), event("a:1", 11)]);
    fixture.feed.set_filter(None);
    fixture.publish("a:2");
    assert_eq!(fixture.drain(), [event("a:2", 12)]);
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

#[test]
fn a_feed_is_woken_for_what_is_inserted_and_for_what_is_published() {
    let mut fixture = Fixture::new(Bounds::default());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let poll = |fixture: &mut Fixture| {
        let mut items = 0;
        let polled =
            fixture.feed.poll_items(&mut Context::from_waker(&waker), &Lines, 1000, &mut |_| items += 1);
        assert_eq!(polled.is_ready(), items > 0);
        items
    };
    assert_eq!(poll(&mut fixture), 0);
    fixture.insert("a:1");
    assert_eq!(woken.0.swap(0, Ordering::SeqCst), 1);
    assert_eq!(poll(&mut fixture), 0);
    fixture.publish("a:1");
    fixture.publish("a:1");
    assert_eq!(woken.0.swap(0, Ordering::SeqCst), 1, "once for all that is there");
    assert_eq!(poll(&mut fixture), 1, "frames that are encoded together come together");
    assert_eq!(poll(&mut fixture), 0);
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn only_ready_interests_are_looked_at() {
    let mut fixture = Fixture::new(Bounds::default());
    for number in 0..1000 {
        fixture.insert(&format!("a:{number}"));
    }
    assert_eq!(fixture.drain(), []);
    fixture.publish("a:500");
    assert_eq!(fixture.feed.lag(), (1, 0));
    assert_eq!(fixture.drain(), [event("a:500", 0)]);
}

#[test]
fn consumers_share_the_frames() {
    let mut fixture = Fixture::new(Bounds::default());
    let mut others: Vec<Feed> = (0..3).map(|_| Feed::new()).collect();
    fixture.insert("a:1");
    for other in &mut others {
        let subscription =
            fixture.target.subscribe_raw(interest("a:1"), Bounds::default()).try_ready().unwrap().unwrap();
        other.insert(subscription);
    }
    for _ in 0..4 {
        fixture.publish("a:1");
    }
    let mut pieces = Vec::new();
    for feed in others.iter_mut().chain([&mut fixture.feed]) {
        let _ = feed.poll_items(&mut Context::from_waker(Waker::noop()), &Lines, usize::MAX, &mut |item| {
            let FeedItem::Frames { bytes, events } = item else { panic!("{item:?}") };
            pieces.push((bytes.as_ptr() as usize, events));
        });
    }
    assert_eq!(pieces.len(), others.len() + 1);
    assert!(pieces.iter().all(|piece| *piece == pieces[0]), "one piece of memory for all: {pieces:?}");
}

#[test]
fn a_lagging_feed_is_told_its_gap_once_and_goes_on() {
    let mut fixture = Fixture::new(Bounds::default().events(10));
    fixture.insert("a:1");
    for _ in 0..25 {
        fixture.publish("a:1");
    }
    let seen = fixture.drain();
    let expected = (15..25).map(|number| event("a:1", number));
    let gap = Seen::Gap(Gap::new(GapReason::Overflow, Some(15)));
    assert_eq!(seen, [gap].into_iter().chain(expected).collect::<Vec<_>>());
}

#[test]
fn the_bound_is_for_all_interests_together() {
    let mut fixture = Fixture::new(Bounds::default());
    for topic in ["a:1", "a:2", "b:1"] {
        fixture.insert(topic);
        for _ in 0..100 {
            fixture.publish(topic);
        }
    }
    let bounds = Bounds::default().events(30);
    fixture.feed.keep_within(bounds);
    assert_eq!(fixture.feed.lag().0, 30);
    // However often it is called while nobody reads.
    for _ in 0..1000 {
        fixture.feed.keep_within(bounds);
    }
    let seen = fixture.drain();
    let events = seen.iter().filter(|seen| matches!(seen, Seen::Event(..))).count() as u64;
    assert_eq!((events, missed(&seen)), (30, 270));
}

fn missed(seen: &[Seen]) -> u64 {
    let gaps = seen.iter().filter_map(|seen| if let Seen::Gap(gap) = seen { gap.missed() } else { None });
    gaps.sum()
}

#[test]
fn interests_that_come_and_go_while_nobody_reads_do_not_pile_up() {
    let mut fixture = Fixture::new(Bounds::default().events(100));
    fixture.insert("a:1");
    for _ in 0..200 {
        for _ in 0..50 {
            fixture.publish("a:1");
        }
        fixture.insert("a");
        for _ in 0..50 {
            fixture.publish("a:1");
        }
        fixture.remove("a");
    }
    assert!(fixture.feed.lag().0 <= 200, "{:?}", fixture.feed.lag());
    let seen = fixture.drain();
    let events: Vec<&Seen> = seen.iter().filter(|seen| matches!(seen, Seen::Event(..))).collect();
    assert_eq!(events.len() as u64 + missed(&seen), 200 * 100);
    assert_eq!(*events[events.len() - 1], event("a:1", 200 * 100 - 1));
}

#[test]
fn a_feed_under_close_ends_also_where_a_broader_interest_took_over() {
    let bounds = Bounds::default().events(5).overflow(Overflow::Close);
    for broader in [None, Some("a"), Some("*")] {
        let mut fixture = Fixture::new(bounds);
        fixture.insert("a:1");
        for _ in 0..6 {
            fixture.publish("a:1");
        }
        if let Some(broader) = broader {
            fixture.insert(broader);
        }
        let gap = Seen::Gap(Gap::new(GapReason::Overflow, Some(6)));
        assert_eq!(fixture.drain(), [gap, Seen::Ended(interest("a:1"))]);
    }
}

#[test]
fn each_interest_ends_once_when_the_target_closes_after_what_it_holds() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.insert("a");
    fixture.insert("b:1");
    fixture.insert("a:1");
    fixture.publish("a:1");
    assert!(fixture.target.close().try_ready().unwrap().is_ok());
    let seen = fixture.drain();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.contains(&event("a:1", 0)));
    assert!(seen.contains(&Seen::Ended(interest("a"))) && seen.contains(&Seen::Ended(interest("b:1"))));
    assert_eq!(fixture.drain(), []);
    // What it covered ends in its turn.
    fixture.remove("a");
    assert_eq!(fixture.drain(), [Seen::Ended(interest("a:1"))]);
}

#[test]
fn what_cannot_be_encoded_is_a_gap_at_its_place() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.insert("a:1");
    fixture.publish("a:1");
    let unspeakable: std::collections::BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    fixture.target.try_dispatch_event(Event::new(topic("a:1"), unspeakable)).unwrap();
    fixture.publish("a:1");
    let gap = Seen::Gap(Gap::new(GapReason::Undecodable, Some(1)));
    assert_eq!(fixture.drain(), [event("a:1", 0), gap, event("a:1", 1)]);
}

#[test]
fn what_came_as_bytes_goes_out_as_the_same_bytes() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.insert("*");
    let envelope = r#" {"id":"1" , "x":[1 ,2], "payload": 1.500e3,"type":"a" } "#;
    fixture.target.try_dispatch_event(Event::from_encoded(Encoding::JSON, envelope.into()).unwrap()).unwrap();
    let mut out = Vec::new();
    let _ = fixture.feed.poll_items(&mut Context::from_waker(Waker::noop()), &Lines, 1, &mut |item| {
        let FeedItem::Frames { bytes, .. } = item else { panic!("{item:?}") };
        out.extend_from_slice(&bytes);
    });
    assert_eq!(out, format!("{envelope}\n").into_bytes());
}

#[test]
fn with_latest_each_interest_stands_for_itself() {
    let mut fixture = Fixture::new(Bounds::default().events(1).overflow(Overflow::Latest));
    fixture.insert("a:1");
    fixture.insert("b:1");
    for _ in 0..3 {
        fixture.publish("a:1");
        fixture.publish("b:1");
    }
    let seen = fixture.drain();
    assert_eq!(missed(&seen), 4);
    assert!(seen.contains(&event("a:1", 4)) && seen.contains(&event("b:1", 5)), "{seen:?}");
}

/// Publishers go on while interests come and go: a topic that is wanted all the time comes complete.
#[test]
fn no_event_is_lost_or_doubled_when_interests_change_while_others_publish() {
    const EVENTS: u64 = 60_000;
    let mut fixture = Fixture::new(Bounds::default().events(1 << 22));
    fixture.insert("a:1");
    fixture.insert("b:1");
    let publishers: Vec<_> = ["a:1", "b:1", "a:2"]
        .into_iter()
        .map(|to| {
            let target = fixture.target.clone();
            let to = topic(to);
            std::thread::spawn(move || {
                for number in 0..EVENTS {
                    target.try_dispatch_event(Event::new(to.clone(), number)).unwrap();
                }
            })
        })
        .collect();
    let mut next = std::collections::HashMap::from([("a:1".to_owned(), 0), ("b:1".to_owned(), 0)]);
    let mut check = |seen: Vec<Seen>| {
        for seen in seen {
            let Seen::Event(topic, number) = seen else { panic!("{seen:?}") };
            // The other topic is wanted only now and then.
            if let Some(next) = next.get_mut(&topic) {
                assert_eq!(number, *next, "of {topic}");
                *next += 1;
            }
        }
        next.values().all(|next| *next == EVENTS)
    };
    let changes = ["a", "*", "-a", "b", "-*", "a", "*", "-*", "-b", "-a"];
    for change in changes.iter().cycle() {
        match change.strip_prefix('-') {
            Some(interest) => assert!(fixture.remove(interest)),
            None => assert!(fixture.insert(change)),
        }
        if check(fixture.poll(4096)) {
            break;
        }
    }
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    check(fixture.drain());
}
