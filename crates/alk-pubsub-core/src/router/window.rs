//! The chunks of a log that readers may still ask for.
//!
//! Each reader belongs to a *class*: those with the same bounds. For each class the window knows how many of its readers
//! are in each chunk, and how many are in none: *strays*, which have not read yet or have fallen behind. The first chunk is
//! let go once every class is past it or may not lag that far. So a reader that stalls holds what its own bounds
//! allow, whatever the bounds of others are.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::after::After;
use super::bounds::Bounds;
use super::chunk::Chunk;
use super::parked::ParkedCount;

#[derive(Default)]
pub(super) struct Window {
    /// The last chunk and those before it: mostly there is one, and then it is at hand.
    last: Option<Held>,
    older: VecDeque<Held>,
    /// Mostly there is one.
    classes: SmallVec<[Class; 1]>,
}

struct Class {
    events: u64,
    bytes: u64,
    readers: u32,
    strays: u32,
}

struct Held {
    chunk: Arc<Chunk>,
    /// How many readers of each class are in it.
    readers: SmallVec<[u32; 4]>,
}

/// The end of a log: the position behind its last entry, and the encoded bytes of all entries before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    pub(super) position: u64,
    pub(super) bytes: u64,
}

impl Class {
    /// Whether no reader of the class may ask for what is before this chunk.
    fn is_past(&self, chunk: &Chunk, end: End) -> bool {
        end.position - chunk.start >= self.events
            || (end.bytes - chunk.start_bytes > self.bytes && end.position > chunk.start)
    }
}

impl Window {
    /// A new reader, a stray at first: its class.
    pub(super) fn join(&mut self, bounds: Bounds) -> u32 {
        let is_of = |class: &Class| class.events == bounds.events && class.bytes == bounds.bytes;
        let found = self.classes.iter().position(is_of);
        let found = found.or_else(|| self.classes.iter().position(|class| class.readers == 0));
        let at = found.unwrap_or_else(|| {
            self.classes.push(Class { events: 0, bytes: 0, readers: 0, strays: 0 });
            self.older.iter_mut().chain(&mut self.last).for_each(|held| held.readers.push(0));
            self.classes.len() - 1
        });
        let class = &mut self.classes[at];
        (class.events, class.bytes) = (bounds.events, bounds.bytes);
        class.readers += 1;
        class.strays += 1;
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// A reader of this class goes, from the chunk that it holds.
    pub(super) fn leave(&mut self, class: u32, chunk: Option<&Arc<Chunk>>, end: End, after: &mut After) {
        self.leave_chunk(class, chunk);
        self.classes[class as usize].readers -= 1;
        self.let_go(end, after);
    }

    /// Moves a reader from the chunk that it holds to the one with `position`. `None` if there is none.
    pub(super) fn enter(
        &mut self,
        class: u32,
        old: Option<&Arc<Chunk>>,
        position: u64,
        end: End,
        after: &mut After,
    ) -> Option<Arc<Chunk>> {
        let next = self.at_mut(position)?;
        next.readers[class as usize] += 1;
        let chunk = next.chunk.clone();
        self.leave_chunk(class, old);
        self.let_go(end, after);
        Some(chunk)
    }

    fn leave_chunk(&mut self, class: u32, chunk: Option<&Arc<Chunk>>) {
        let held =
            chunk.and_then(|chunk| self.at_mut(chunk.start).filter(|held| held.chunk.start == chunk.start));
        match held {
            Some(held) => held.readers[class as usize] -= 1,
            None => self.classes[class as usize].strays -= 1,
        }
    }

    /// Whether some reader is in no chunk.
    pub(super) fn has_strays(&self) -> bool {
        self.classes.iter().any(|class| class.strays > 0)
    }

    /// At most how many entries the readers have before them that are not parked. Of those in a chunk it is only known
    /// that they are in it, of strays that they are nowhere before the first.
    pub(super) fn waiting(&self, end: End, parked: ParkedCount) -> u64 {
        let ParkedCount { mut in_chunks, mut strays } = parked;
        // Who is parked has read all there is, so the last ones of those in chunks are parked.
        let awake = |readers: u64, parked: &mut u64| {
            let asleep = readers.min(*parked);
            *parked -= asleep;
            readers - asleep
        };
        let mut waiting = 0;
        for held in self.last.iter().chain(self.older.iter().rev()) {
            let readers = held.readers.iter().map(|readers| u64::from(*readers)).sum();
            waiting += awake(readers, &mut in_chunks) * (end.position - held.chunk.start);
        }
        let all = end.position - self.front(end);
        for class in &self.classes {
            waiting += awake(u64::from(class.strays), &mut strays) * all.min(class.events);
        }
        waiting
    }

    fn first(&self) -> Option<&Chunk> {
        self.older.front().or(self.last.as_ref()).map(|held| &*held.chunk)
    }

    /// The first position that is still there.
    pub(super) fn front(&self, end: End) -> u64 {
        self.first().map_or(end.position, |chunk| chunk.start)
    }

    #[inline]
    pub(super) fn back(&self) -> Option<&Arc<Chunk>> {
        self.last.as_ref().map(|held| &held.chunk)
    }

    /// Begins a chunk at the end of the log.
    pub(super) fn begin_chunk(&mut self, slots: usize, end: End, after: &mut After) {
        let chunk = Arc::new(Chunk::new(end.position, end.bytes, slots));
        let held = Held { chunk, readers: smallvec![0; self.classes.len()] };
        self.older.extend(self.last.replace(held));
        self.let_go(end, after);
    }

    /// Lets go of the chunks that nobody may ask for any more, but never of the last one.
    fn let_go(&mut self, end: End, after: &mut After) {
        while let (Some(first), Some(second)) = (self.older.front(), self.older.get(1).or(self.last.as_ref()))
        {
            let is_past = |(class, in_first): (&Class, &u32)| {
                (class.strays == 0 && *in_first == 0) || class.is_past(&second.chunk, end)
            };
            if !self.classes.iter().zip(&first.readers).all(is_past) {
                return;
            }
            if let Some(first) = self.older.pop_front() {
                for (class, in_first) in self.classes.iter_mut().zip(first.readers) {
                    class.strays += in_first;
                }
                after.drop_later(first.chunk);
            }
        }
    }

    pub(super) fn has_readers(&self) -> bool {
        self.classes.iter().any(|class| class.readers > 0)
    }

    /// Lets go of everything.
    pub(super) fn drop_later(self, after: &mut After) {
        self.older.into_iter().chain(self.last).for_each(|held| after.drop_later(held.chunk));
    }

    /// The first position before which at least so many bytes were appended.
    pub(super) fn position_at(&self, bytes: u64, end: End) -> u64 {
        // A chunk that begins with just so many is not looked into: entries without bytes may end the one before it.
        self.last_with(|chunk| chunk.start_bytes < bytes)
            .map_or_else(|| self.front(end), |held| held.chunk.position_at(bytes))
    }

    /// The bytes of all entries before `position`; for what is before the window, those before the window.
    pub(super) fn bytes_at(&self, position: u64, end: End) -> u64 {
        match self.last_with(|chunk| chunk.start <= position) {
            Some(held) => held.chunk.bytes_at(position.min(end.position)),
            None => self.first().map_or(end.bytes, |chunk| chunk.start_bytes),
        }
    }

    /// The last chunk that fulfils what all before it do.
    fn last_with(&self, fulfils: impl Fn(&Chunk) -> bool) -> Option<&Held> {
        self.last.as_ref().filter(|held| fulfils(&held.chunk)).or_else(|| {
            self.older.get(self.older.partition_point(|held| fulfils(&held.chunk)).checked_sub(1)?)
        })
    }

    /// The chunk that holds this position, or would if it were longer.
    fn at_mut(&mut self, position: u64) -> Option<&mut Held> {
        match &mut self.last {
            Some(last) if last.chunk.start <= position => Some(last),
            _ => {
                let behind = self.older.partition_point(|held| held.chunk.start <= position);
                self.older.get_mut(behind.checked_sub(1)?)
            }
        }
    }
}
