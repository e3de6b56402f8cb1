//! What was published, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::topics;

/// Behind the reason of a gap that says how many events are missing.
pub(crate) const COUNTED: &str = ", counted";

/// All topics with all events of each, numbered from 0, and what is counted.
pub(crate) struct Ledger {
    topics: Vec<Mutex<Vec<Record>>>,
    started: Instant,
    pub(crate) counted: Counted,
    violations: Mutex<Vec<String>>,
    gaps: Mutex<BTreeMap<String, u64>>,
    calm: AtomicBool,
}

/// What happened in numbers.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) published: AtomicU64,
    pub(crate) uncertain: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Events that a subscriber was owed and a gap stood for.
    pub(crate) in_gaps: AtomicU64,
    /// How often a gap said how many events are missing, and it was looked whether that is so.
    pub(crate) accounted: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
    /// Subscriptions that got something and stayed until they had all that they were owed, by who had them, and those of them to everything.
    pub(crate) settled: [AtomicU64; Kind::ALL.len()],
    pub(crate) settled_everything: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Who subscribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Spoke,
    Stream,
    /// One that reads more slowly than events come, and has nothing but one subscription.
    SlowSpoke,
    SlowStream,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Spoke, Self::Stream, Self::SlowSpoke, Self::SlowStream];

    /// Whether it loses events though all is well with the servers.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Kind::SlowSpoke | Kind::SlowStream)
    }

    /// Whether a number of missing events that it is told is about this subscription and no other.
    pub(crate) fn is_alone(self) -> bool {
        self != Kind::Spoke
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Spoke => "spokes",
            Kind::Stream => "streams",
            Kind::SlowSpoke => "slow spokes",
            Kind::SlowStream => "slow streams",
        }
    }
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
            topics: (0..topics::ALL).map(|_| Mutex::default()).collect(),
            started: Instant::now(),
            counted: Counted::default(),
            violations: Mutex::default(),
            gaps: Mutex::default(),
            calm: AtomicBool::new(false),
        }
    }

    /// Whether no server was killed for so long that nothing may go wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Acquire)
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// From now on nothing may go wrong.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Release);
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

    /// A subscription was refused, which was asked for in the calm or before.
    pub(crate) fn refused(&self, who: &str, is_calm: bool, why: &str) {
        add(&self.counted.refused, 1);
        if is_calm {
            self.violated(format!("{who} was refused in the calm: {why}"));
        }
    }

    pub(crate) fn gap(&self, reason: &str, missing: Option<u64>) {
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if missing.is_some() { COUNTED } else { "" };
        *gaps.entry(format!("{reason}{known}")).or_default() += 1;
    }

    /// How many gaps there were of each reason, those that say how many events are missing apart.
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
