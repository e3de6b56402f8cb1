//! The chunks of a log that readers may still ask for.
//!
//! Each reader belongs to a *class*: those with the same bounds. For each class the window knows how many of its readers
//! are in each chunk, and how many are in none: *strays*, which have not read yet or have fallen behind. The first chunk is
//! let go once every class is past it or may not lag that far. So a reader that stalls holds what its own bounds
//! allow, whatever the bounds of others are.

use std::collections::VecDeque;
use std::sync::Arc;

use super::after::After;
use super::bounds::Bounds;
use super::chunk::Chunk;
use super::parked::ParkedCount;

#[derive(Default)]
pub(super) struct Window {
    chunks: VecDeque<Arc<Chunk>>,
    classes: Vec<Class>,
}

struct Class {
    events: u64,
    bytes: u64,
    readers: u32,
    strays: u32,
    /// How many readers are in each chunk.
    in_chunk: VecDeque<u32>,
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
            if self.classes.is_empty() {
                // Mostly there is one.
                self.classes.reserve_exact(1);
            }
            let mut in_chunk = VecDeque::new();
            in_chunk.reserve_exact(self.chunks.len().max(1));
            in_chunk.resize(self.chunks.len(), 0);
            self.classes.push(Class { events: 0, bytes: 0, readers: 0, strays: 0, in_chunk });
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
        let next = self.at(position)?;
        let chunk = self.chunks[next].clone();
        self.classes[class as usize].in_chunk[next] += 1;
        self.leave_chunk(class, old);
        self.let_go(end, after);
        Some(chunk)
    }

    fn leave_chunk(&mut self, class: u32, chunk: Option<&Arc<Chunk>>) {
        let at =
            chunk.and_then(|chunk| self.chunks.binary_search_by_key(&chunk.start, |held| held.start).ok());
        let class = &mut self.classes[class as usize];
        match at {
            Some(at) => class.in_chunk[at] -= 1,
            None => class.strays -= 1,
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
        for (at, chunk) in self.chunks.iter().enumerate().rev() {
            let readers = self.classes.iter().map(|class| u64::from(class.in_chunk[at])).sum();
            waiting += awake(readers, &mut in_chunks) * (end.position - chunk.start);
        }
        let all = end.position - self.front(end);
        for class in &self.classes {
            waiting += awake(u64::from(class.strays), &mut strays) * all.min(class.events);
        }
        waiting
    }

    /// The first position that is still there.
    pub(super) fn front(&self, end: End) -> u64 {
        self.chunks.front().map_or(end.position, |chunk| chunk.start)
    }

    pub(super) fn back(&self) -> Option<&Arc<Chunk>> {
        self.chunks.back()
    }

    /// Begins a chunk at the end of the log.
    pub(super) fn begin_chunk(&mut self, slots: usize, end: End, after: &mut After) {
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.push_back(Arc::new(Chunk::new(end.position, end.bytes, slots)));
        self.classes.iter_mut().for_each(|class| class.in_chunk.push_back(0));
        self.let_go(end, after);
    }

    /// Lets go of the chunks that nobody may ask for any more, but never of the last one.
    fn let_go(&mut self, end: End, after: &mut After) {
        while let Some(second) = self.chunks.get(1) {
            let is_past = |class: &Class| {
                (class.strays == 0 && class.in_chunk.front() == Some(&0)) || class.is_past(second, end)
            };
            if !self.classes.iter().all(is_past) {
                return;
            }
            for class in &mut self.classes {
                class.strays += class.in_chunk.pop_front().unwrap_or(0);
            }
            if let Some(chunk) = self.chunks.pop_front() {
                after.drop_later(chunk);
            }
        }
    }

    /// Lets go of everything.
    pub(super) fn clear(&mut self, after: &mut After) {
        self.chunks.drain(..).for_each(|chunk| after.drop_later(chunk));
        self.classes.clear();
    }

    /// The first position before which at least so many bytes were appended.
    pub(super) fn position_at(&self, bytes: u64, end: End) -> u64 {
        // A chunk that begins with just so many is not looked into: entries without bytes may end the one before it.
        match self.chunks.partition_point(|chunk| chunk.start_bytes < bytes).checked_sub(1) {
            Some(at) => self.chunks[at].position_at(bytes),
            None => self.front(end),
        }
    }

    /// The bytes of all entries before `position`; for what is before the window, those before the window.
    pub(super) fn bytes_at(&self, position: u64, end: End) -> u64 {
        match self.at(position) {
            Some(at) => self.chunks[at].bytes_at(position.min(end.position)),
            None => self.chunks.front().map_or(end.bytes, |chunk| chunk.start_bytes),
        }
    }

    /// Where the chunk is that holds this position, or would if it were longer.
    fn at(&self, position: u64) -> Option<usize> {
        self.chunks.partition_point(|chunk| chunk.start <= position).checked_sub(1)
    }
}
