use proptest::prelude::*;

use super::fixture::{Hub, Read, event, read};
use crate::gap::{Gap, GapReason};
use crate::router::{Bounds, Overflow};

/// A queue until it is full; from then on, until it was empty once, of each topic only the newest event.
struct Model {
    capacity: usize,
    waiting: Vec<Entry>,
    conflated: bool,
    missed: u64,
}

enum Entry {
    Event(&'static str, u64),
    Gap(Gap),
}

impl Model {
    fn publish(&mut self, topic: &'static str, number: u64) {
        self.waiting.push(Entry::Event(topic, number));
        if self.conflated {
            self.conflate();
        }
        if self.events() > self.capacity && !self.conflated {
            self.conflated = true;
            self.conflate();
        }
        if self.events() > self.capacity {
            let oldest = self.waiting.iter().position(|entry| matches!(entry, Entry::Event(..))).unwrap();
            self.waiting.remove(oldest);
            self.missed += 1;
        }
    }

    fn conflate(&mut self) {
        let mut seen = Vec::new();
        for at in (0..self.waiting.len()).rev() {
            if let Entry::Event(topic, _) = self.waiting[at] {
                if seen.contains(&topic) {
                    self.waiting.remove(at);
                    self.missed += 1;
                } else {
                    seen.push(topic);
                }
            }
        }
    }

    fn events(&self) -> usize {
        self.waiting.iter().filter(|entry| matches!(entry, Entry::Event(..))).count()
    }

    /// Gaps at one place come as one for each reason.
    fn gap(&mut self, gap: Gap) {
        for entry in self.waiting.iter_mut().rev() {
            match entry {
                Entry::Gap(last) => {
                    if let Some(merged) = last.merge(gap) {
                        *last = merged;
                        return;
                    }
                }
                Entry::Event(..) => break,
            }
        }
        self.waiting.push(Entry::Gap(gap));
    }

    fn read(&mut self) -> Read {
        if self.missed > 0 {
            return Read::Gap(Gap::new(GapReason::Overflow, Some(std::mem::take(&mut self.missed))));
        }
        if self.waiting.is_empty() {
            return Read::Empty;
        }
        match self.waiting.remove(0) {
            Entry::Event(_, number) => {
                if self.events() == 0 {
                    self.conflated = false;
                }
                Read::Event(number)
            }
            Entry::Gap(gap) => Read::Gap(gap),
        }
    }
}

const TOPICS: [&str; 6] = ["a:1", "a:2", "a:3", "a:4", "a:5", "a:"];

#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    Gap(Gap),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap =
        proptest::option::of(0..9u64).prop_map(|missed| Step::Gap(Gap::new(GapReason::Reconnected, missed)));
    let step = prop_oneof![
        6 => (0..TOPICS.len()).prop_map(Step::Publish),
        1 => gap,
        2 => (1..4usize).prop_map(Step::Read),
    ];
    proptest::collection::vec(step, 0..100)
}

proptest! {
    #[test]
    fn latest_keeps_the_newest_event_of_each_topic(capacity in 1..7usize, steps in steps()) {
        let hub = Hub::new();
        let bounds = Bounds::default().events(capacity).overflow(Overflow::Latest);
        let mut subscription = hub.subscribe("a", bounds);
        let mut model = Model { capacity, waiting: Vec::new(), conflated: false, missed: 0 };
        let mut next = 0;
        for step in steps.into_iter().chain([Step::Read(usize::MAX)]) {
            match step {
                Step::Publish(topic) => {
                    prop_assert!(hub.publish(TOPICS[topic], next));
                    model.publish(TOPICS[topic], next);
                    next += 1;
                }
                Step::Gap(gap) => {
                    hub.report_gap(gap);
                    model.gap(gap);
                }
                Step::Read(most) => {
                    for _ in 0..most {
                        let seen = read(&mut subscription);
                        prop_assert_eq!(&seen, &model.read());
                        if seen == Read::Empty {
                            break;
                        }
                    }
                }
            }
            prop_assert_eq!(subscription.len(), model.events());
        }
    }
}

#[test]
fn latest_never_leaves_out_a_gap_nor_holds_more_than_a_few() {
    let hub = Hub::new();
    let mut subscription = hub.subscribe("a", Bounds::default().events(1).overflow(Overflow::Latest));
    for number in 0..1000 {
        assert!(hub.publish("a:1", number));
        hub.report_gap(Gap::new(GapReason::Reconnected, Some(1)));
    }
    let (mut gaps, mut missed, mut events) = (0, 0, Vec::new());
    loop {
        match read(&mut subscription) {
            Read::Event(number) => events.push(number),
            Read::Gap(gap) if gap.reason() == GapReason::Reconnected => {
                gaps += 1;
                missed += gap.missed().unwrap();
            }
            Read::Gap(gap) => assert_eq!(gap, Gap::new(GapReason::Overflow, Some(999))),
            Read::Empty | Read::Closed => break,
        }
    }
    assert_eq!((events, missed), (vec![999], 1000));
    assert!(gaps <= 32, "{gaps} gaps");
}

#[test]
fn latest_is_bounded_in_bytes_too_but_keeps_the_last_event_whatever_its_size() {
    let hub = Hub::new();
    let mut subscription = hub.subscribe("a", Bounds::default().bytes(300).overflow(Overflow::Latest));
    for (number, size) in [(0, 100), (1, 100), (2, 100), (3, 5000)] {
        let text = format!(r#"{{"type":"a","id":"{number}","payload":{number}}}"#);
        let text = format!("{text:size$}");
        let raw = crate::Event::from_encoded(crate::Encoding::JSON, text.into()).unwrap();
        hub.router().deliver(raw, crate::Scope::ALL);
    }
    assert_eq!(read(&mut subscription), Read::Gap(Gap::new(GapReason::Overflow, Some(3))));
    assert_eq!(read(&mut subscription), Read::Event(3));
    assert_eq!(read(&mut subscription), Read::Empty);
    hub.router().deliver(event("a:9", 9), crate::Scope::ALL);
    assert_eq!(read(&mut subscription), Read::Event(9));
}
