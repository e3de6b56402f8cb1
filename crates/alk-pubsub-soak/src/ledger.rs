//! What was published, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Types, and ids of each.
const TYPES: usize = 10;
const IDS: usize = 20;

/// All topics with all events of each, numbered from 0, and what is counted.
pub(crate) struct Ledger {
    topics: Vec<Mutex<Vec<Record>>>,
    started: Instant,
    pub(crate) counted: Counted,
    violations: Mutex<Vec<String>>,
    gaps: Mutex<BTreeMap<String, u64>>,
    /// No server was killed for so long that a gap has no excuse.
    pub(crate) calm: AtomicBool,
}

/// What happened in numbers.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) published: AtomicU64,
    pub(crate) uncertain: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Events that a subscriber was owed and a gap stood for.
    pub(crate) in_gaps: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
    /// Subscriptions that stayed until they had all that they were owed.
    pub(crate) settled: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) fate: Fate,
    /// Milliseconds since the start.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    UnderWay,
    Published,
    /// The publish failed, perhaps after the event was on its way: it may come once or not at all.
    Uncertain,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            topics: (0..TYPES * IDS).map(|_| Mutex::default()).collect(),
            started: Instant::now(),
            counted: Counted::default(),
            violations: Mutex::default(),
            gaps: Mutex::default(),
            calm: AtomicBool::new(false),
        }
    }

    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Type and id of a topic.
    pub(crate) fn name(topic: usize) -> (String, String) {
        (format!("soak.{}", topic / IDS), (topic % IDS).to_string())
    }

    /// The topic of this type and id.
    pub(crate) fn find(event_type: &str, id: &str) -> Option<usize> {
        let event_type: usize = event_type.strip_prefix("soak.")?.parse().ok()?;
        let id: usize = id.parse().ok()?;
        (event_type < TYPES && id < IDS).then_some(event_type * IDS + id)
    }

    /// The topics of the type that a topic is of.
    pub(crate) fn siblings(topic: usize) -> std::ops::Range<usize> {
        let first = topic / IDS * IDS;
        first..first + IDS
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A publish begins: the number of its event.
    pub(crate) fn begin(&self, topic: usize) -> u64 {
        let mut records = self.records(topic);
        let begun = self.now();
        records.push(Record { fate: Fate::UnderWay, begun, ended: 0 });
        records.len() as u64 - 1
    }

    /// A publish is over.
    pub(crate) fn end(&self, topic: usize, number: u64, fate: Fate) {
        let counter = if fate == Fate::Published { &self.counted.published } else { &self.counted.uncertain };
        add(counter, 1);
        let ended = self.now();
        if let Some(record) = self.records(topic).get_mut(number as usize) {
            (record.fate, record.ended) = (fate, ended);
        }
    }

    pub(crate) fn records(&self, topic: usize) -> MutexGuard<'_, Vec<Record>> {
        self.topics[topic].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gap(&self, reason: &str) {
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        *gaps.entry(reason.to_owned()).or_default() += 1;
    }

    /// How many gaps there were of each reason.
    pub(crate) fn gaps(&self) -> BTreeMap<String, u64> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn violated(&self, what: String) {
        println!("VIOLATION at {} ms: {what}", self.now());
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) fn violations(&self) -> usize {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

pub(crate) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_topic_is_found_by_its_name() {
        let ledger = Ledger::new();
        for topic in 0..ledger.topics() {
            let (event_type, id) = Ledger::name(topic);
            assert_eq!(Ledger::find(&event_type, &id), Some(topic));
            assert!(Ledger::siblings(topic).contains(&topic));
        }
        assert_eq!(Ledger::find("soak.99", "0"), None);
        assert_eq!(Ledger::find("soak.0", "99"), None);
    }
}
