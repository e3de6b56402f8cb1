use std::collections::{BTreeMap, HashMap};
use std::fmt;

use foldhash::quality::RandomState;

use crate::error::Error;
use crate::name::Interest;

/// What is wanted, and what the other side is known to have of it.
///
/// [`interest_added`](Self::interest_added) and [`interest_removed`](Self::interest_removed) say what is wanted.
/// [`take_changes`](Self::take_changes) says what to ask of the other side now, and each of its answers is told by
/// [`confirm`](Self::confirm), [`refuse`](Self::refuse) or [`retry`](Self::retry). However these interleave, an
/// interest has at most one request under way, and once all are answered the other side has what is wanted.
///
/// `W` stands for somebody who waits for an interest to be confirmed. Waiters come back from the method that decides for
/// them, to be told when no lock is held.
///
/// ```
/// use alk_pubsub_core::InterestTable;
///
/// let mut table = InterestTable::new();
/// let status = "session.status".parse()?;
/// table.interest_added(&status);
/// assert!(!table.wait(&status, "me")?);
///
/// let changes = table.take_changes(512);
/// assert_eq!(changes.added, [status.clone()]); // ask the other side, and when it has answered:
/// assert_eq!(table.confirm(changes.generation, &status), ["me"]);
/// # Ok::<(), alk_pubsub_core::Error>(())
/// ```
pub struct InterestTable<W> {
    entries: HashMap<Interest, Entry<W>, RandomState>,
    /// What is to be asked of the other side, in the order in which it came up.
    queue: BTreeMap<u64, Interest>,
    next: u64,
    in_flight: usize,
    generation: u64,
}

struct Entry<W> {
    wanted: bool,
    stage: Stage,
    /// Whether somebody was told that events of it arrive.
    relied_on: bool,
    /// Its place in the queue.
    queued: Option<u64>,
    waiters: Vec<W>,
}

/// What the other side has of an interest.
enum Stage {
    Absent,
    /// It was asked, and nobody knows what became of it. Always queued.
    Unknown,
    Adding,
    Present,
    Removing,
    Refused(Error),
}

/// What to ask of the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Counts the connections: what is told of an earlier one has no effect.
    pub generation: u64,
    /// Interests to ask for.
    pub added: Vec<Interest>,
    /// Interests to give up.
    pub removed: Vec<Interest>,
}

impl Changes {
    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl<W> InterestTable<W> {
    /// A table in which nothing is wanted.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: HashMap::default(), queue: BTreeMap::new(), next: 0, in_flight: 0, generation: 0 }
    }

    /// This is wanted now. Whether there is something new to ask.
    pub fn interest_added(&mut self, interest: &Interest) -> bool {
        let entry = self.entries.entry(interest.clone()).or_insert_with(Entry::new);
        entry.wanted = true;
        match entry.stage {
            Stage::Absent => self.enqueue(interest),
            // The removal was not asked for yet, and now need not be.
            Stage::Present => self.dequeue(interest),
            Stage::Unknown | Stage::Adding | Stage::Removing | Stage::Refused(_) => {}
        }
        self.has_changes()
    }

    /// This is not wanted any more. Returns those who still waited for it.
    pub fn interest_removed(&mut self, interest: &Interest) -> Vec<W> {
        let Some(entry) = self.entries.get_mut(interest) else { return Vec::new() };
        // Who comes next was told nothing yet.
        (entry.wanted, entry.relied_on) = (false, false);
        let waiters = std::mem::take(&mut entry.waiters);
        match entry.stage {
            Stage::Absent | Stage::Refused(_) => self.forget(interest),
            Stage::Present => self.enqueue(interest),
            Stage::Unknown | Stage::Adding | Stage::Removing => {}
        }
        waiters
    }

    /// Waits for an interest: `true` if it is confirmed already, else the waiter is kept until that is decided.
    ///
    /// # Errors
    ///
    /// The other side has refused it.
    pub fn wait(&mut self, interest: &Interest, waiter: W) -> Result<bool, Error> {
        match self.entries.get_mut(interest) {
            Some(Entry { stage: Stage::Refused(error), .. }) => Err(error.clone()),
            Some(entry @ Entry { stage: Stage::Present, .. }) => {
                entry.relied_on = true;
                Ok(true)
            }
            Some(entry) => {
                entry.waiters.push(waiter);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Takes what is to be asked of the other side, at most so many interests. Each must be answered.
    pub fn take_changes(&mut self, most: usize) -> Changes {
        let mut changes = Changes { generation: self.generation, ..Changes::default() };
        for _ in 0..most {
            let Some((_, interest)) = self.queue.pop_first() else { break };
            let Some(entry) = self.entries.get_mut(&interest) else { continue };
            entry.queued = None;
            self.in_flight += 1;
            if entry.wanted {
                entry.stage = Stage::Adding;
                changes.added.push(interest);
            } else {
                entry.stage = Stage::Removing;
                changes.removed.push(interest);
            }
        }
        changes
    }

    /// The other side has done what was asked. Returns those who waited for it.
    #[must_use = "somebody may wait"]
    pub fn confirm(&mut self, generation: u64, interest: &Interest) -> Vec<W> {
        let Some(entry) = self.answered(generation, interest) else { return Vec::new() };
        let adding = matches!(entry.stage, Stage::Adding);
        entry.stage = if adding { Stage::Present } else { Stage::Absent };
        let (wanted, mut waiters) = (entry.wanted, Vec::new());
        match (adding, wanted) {
            (true, true) => {
                entry.relied_on = true;
                waiters = std::mem::take(&mut entry.waiters);
            }
            (true, false) | (false, true) => {
                entry.relied_on = false;
                self.enqueue(interest);
            }
            (false, false) => self.forget(interest),
        }
        waiters
    }

    /// The other side refuses what was asked. Returns those who waited for it, to be told the error.
    ///
    /// It is not asked again on this connection, unless everybody gives it up and somebody wants it anew.
    #[must_use = "somebody may wait"]
    pub fn refuse(&mut self, generation: u64, interest: &Interest, error: Error) -> Vec<W> {
        let Some(entry) = self.answered(generation, interest) else { return Vec::new() };
        entry.stage = match entry.stage {
            Stage::Removing => Stage::Absent,
            _ => Stage::Refused(error),
        };
        match (&entry.stage, entry.wanted) {
            (_, false) => {
                self.forget(interest);
                Vec::new()
            }
            (Stage::Absent, true) => {
                self.enqueue(interest);
                Vec::new()
            }
            _ => std::mem::take(&mut entry.waiters),
        }
    }

    /// The other side has refused this interest, or takes it away now. Whether that is the interest as it is wanted now; if so
    /// it is forgotten, and is new when it is added again.
    ///
    /// For who was told of it while it was active, see [`Router::end_interest`](crate::Router::end_interest).
    pub fn forget_ended(&mut self, interest: &Interest) -> bool {
        let ended = self
            .entries
            .get(interest)
            .is_some_and(|entry| entry.wanted && matches!(entry.stage, Stage::Present | Stage::Refused(_)));
        if ended {
            self.forget(interest);
        }
        ended
    }

    /// It is not known what became of what was asked, so it is to be asked again.
    pub fn retry(&mut self, generation: u64, interest: &Interest) {
        let Some(entry) = self.answered(generation, interest) else { return };
        entry.stage = Stage::Unknown;
        self.enqueue(interest);
    }

    /// The connection is gone, and with it all that the other side knew: everything wanted is to be asked again.
    ///
    /// Returns the interests of which events may be missing from here on: those that somebody was told to rely on and
    /// that were, or may have been, active on the connection; and those that were refused on it.
    pub fn connection_lost(&mut self) -> Vec<Interest> {
        self.generation += 1;
        self.in_flight = 0;
        let mut affected = Vec::new();
        let (queue, next) = (&mut self.queue, &mut self.next);
        self.entries.retain(|interest, entry| {
            if !entry.wanted {
                if let Some(place) = entry.queued {
                    queue.remove(&place);
                }
                return false;
            }
            match entry.stage {
                Stage::Present | Stage::Refused(_) => affected.push(interest.clone()),
                Stage::Adding | Stage::Unknown if entry.relied_on => affected.push(interest.clone()),
                Stage::Absent | Stage::Unknown | Stage::Adding | Stage::Removing => {}
            }
            entry.stage = Stage::Absent;
            entry.queued.get_or_insert_with(|| {
                queue.insert(*next, interest.clone());
                *next += 1;
                *next - 1
            });
            true
        });
        affected
    }

    /// Everything ends. Returns all who waited.
    #[must_use = "somebody may wait"]
    pub fn clear(&mut self) -> Vec<W> {
        self.generation += 1;
        self.in_flight = 0;
        self.queue.clear();
        self.entries.drain().flat_map(|(_, entry)| entry.waiters).collect()
    }

    /// Counts the connections; what [`Changes::generation`] will say.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is something to ask.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many interests are to be asked of the other side.
    #[must_use]
    pub fn to_ask(&self) -> usize {
        self.queue.len()
    }

    /// Whether all has been asked and answered: the other side has what is wanted, but for what it refused.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.in_flight == 0
    }

    /// Whether the other side has confirmed this interest on this connection.
    #[must_use]
    pub fn is_confirmed(&self, interest: &Interest) -> bool {
        self.entries.get(interest).is_some_and(|entry| matches!(entry.stage, Stage::Present))
    }

    /// Whether nobody wants anything and the other side has nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The interests that are wanted, in no order.
    pub fn wanted(&self) -> impl Iterator<Item = &Interest> {
        self.entries.iter().filter(|(_, entry)| entry.wanted).map(|(interest, _)| interest)
    }

    /// The entry of a request that is under way and has been answered now.
    fn answered(&mut self, generation: u64, interest: &Interest) -> Option<&mut Entry<W>> {
        if generation != self.generation {
            return None;
        }
        let entry = self.entries.get_mut(interest)?;
        let in_flight = matches!(entry.stage, Stage::Adding | Stage::Removing);
        self.in_flight -= usize::from(in_flight);
        in_flight.then_some(entry)
    }

    fn enqueue(&mut self, interest: &Interest) {
        let Some(entry) = self.entries.get_mut(interest) else { return };
        if entry.queued.is_none() {
            entry.queued = Some(self.next);
            self.queue.insert(self.next, interest.clone());
            self.next += 1;
        }
    }

    fn dequeue(&mut self, interest: &Interest) {
        if let Some(place) = self.entries.get_mut(interest).and_then(|entry| entry.queued.take()) {
            self.queue.remove(&place);
        }
    }

    fn forget(&mut self, interest: &Interest) {
        self.dequeue(interest);
        self.entries.remove(interest);
        // What a crowd of short-lived topics has taken is given back.
        if self.entries.capacity() > 1024 && self.entries.len() < self.entries.capacity() / 8 {
            self.entries.shrink_to(self.entries.capacity() / 4);
        }
    }
}

impl<W> Entry<W> {
    fn new() -> Self {
        Self { wanted: true, stage: Stage::Absent, relied_on: false, queued: None, waiters: Vec::new() }
    }
}

impl<W> Default for InterestTable<W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W> fmt::Debug for InterestTable<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterestTable")
            .field("interests", &self.entries.len())
            .field("to_ask", &self.queue.len())
            .field("in_flight", &self.in_flight)
            .field("generation", &self.generation)
            .finish()
    }
}
