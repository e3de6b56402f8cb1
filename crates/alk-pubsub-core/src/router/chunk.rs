//! A piece of a log: a few entries that are written once and read by everybody without a lock.

use super::frames::FrameCache;
use crate::event::Event;
use crate::gap::Gap;
use crate::sync::Slot;

/// What stands in a log.
#[derive(Clone)]
pub(super) enum Entry {
    Event(Event),
    /// Boxed so that an entry is no larger than an event.
    Gap(Box<Gap>),
}

impl Entry {
    pub(super) fn encoded_len(&self) -> u64 {
        match self {
            Entry::Event(event) => event.encoded_len() as u64,
            Entry::Gap(_) => 0,
        }
    }
}

/// A chunk starts small, since most topics are short lived, and grows while readers fall behind.
pub(super) const FIRST_SLOTS: usize = if cfg!(loom) { 1 } else { 4 };

enum Slots {
    /// In place, so that all of a topic with few events is together.
    First([Slot<Entry>; FIRST_SLOTS]),
    More(Box<[Slot<Entry>]>),
}

pub(super) struct Chunk {
    /// The position in the log of the first slot.
    pub(super) start: u64,
    /// The bytes of all entries before it.
    pub(super) start_bytes: u64,
    slots: Slots,
    pub(super) frames: std::sync::OnceLock<Box<FrameCache>>,
}

impl Chunk {
    pub(super) fn new(start: u64, start_bytes: u64, slots: usize) -> Self {
        let slots = if slots == FIRST_SLOTS {
            Slots::First(std::array::from_fn(|_| Slot::new()))
        } else {
            Slots::More((0..slots).map(|_| Slot::new()).collect())
        };
        Self { start, start_bytes, slots, frames: std::sync::OnceLock::new() }
    }

    #[inline]
    fn all(&self) -> &[Slot<Entry>] {
        match &self.slots {
            Slots::First(slots) => slots,
            Slots::More(slots) => slots,
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.all().len()
    }

    /// The entry at this position of the log, if it is in this chunk and written.
    pub(super) fn get(&self, position: u64) -> Option<&Entry> {
        let index = usize::try_from(position.checked_sub(self.start)?).ok()?;
        self.all().get(index)?.get()
    }

    pub(super) fn set(&self, position: u64, entry: Entry) {
        self.all()[(position - self.start) as usize].set(entry);
    }

    /// The bytes of all entries of the log before this position, which is in this chunk or right behind it.
    pub(super) fn bytes_at(&self, position: u64) -> u64 {
        let before = self.all().iter().take((position - self.start) as usize);
        self.start_bytes + before.filter_map(|slot| slot.get()).map(Entry::encoded_len).sum::<u64>()
    }

    /// The first position in this chunk, or right behind its last entry, before which so many bytes were appended.
    pub(super) fn position_at(&self, bytes: u64) -> u64 {
        let (mut position, mut before) = (self.start, self.start_bytes);
        for entry in self.all().iter().map_while(Slot::get) {
            if before >= bytes {
                break;
            }
            before += entry.encoded_len();
            position += 1;
        }
        position
    }

    /// The bytes of the entries from one position up to another.
    pub(super) fn bytes_between(&self, from: u64, to: u64) -> u64 {
        (from..to).filter_map(|position| self.get(position)).map(Entry::encoded_len).sum()
    }
}
