//! The readers of a log that have caught up and wait.

use smallvec::SmallVec;

use super::wake::{Wake, Wakes};

/// A place for each reader, and a list of those that are parked.
#[derive(Default)]
pub(super) struct Parked {
    /// Mostly there is one.
    places: SmallVec<[Place; 1]>,
    /// How many places are free, and the one that was left last.
    free: u32,
    last_free: u32,
    /// Places whose reader may be parked. No place stands here twice.
    listed: SmallVec<[u32; 4]>,
}

#[derive(Default)]
struct Place {
    wake: Option<Wake>,
    listed: bool,
    /// Whether the reader is in a chunk.
    in_chunk: bool,
    /// Of a free place: the one that was left before.
    next_free: u32,
}

/// How many readers are parked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ParkedCount {
    pub(super) in_chunks: u64,
    /// Those that are in no chunk, since they have not read anything yet.
    pub(super) strays: u64,
}

impl Parked {
    pub(super) fn join(&mut self) -> u32 {
        if self.free > 0 {
            let place = self.last_free;
            self.free -= 1;
            self.last_free = self.places[place as usize].next_free;
            return place;
        }
        self.places.push(Place::default());
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// What the reader would have been woken with is to be dropped without the lock.
    pub(super) fn leave(&mut self, place: u32) -> Option<Wake> {
        let left = &mut self.places[place as usize];
        left.next_free = std::mem::replace(&mut self.last_free, place);
        self.free += 1;
        left.wake.take()
    }

    pub(super) fn unpark(&mut self, place: u32) -> Option<Wake> {
        self.places.get_mut(place as usize)?.wake.take()
    }

    pub(super) fn park(&mut self, place: u32, in_chunk: bool, wake: Wake) -> Option<Wake> {
        let slot = &mut self.places[place as usize];
        slot.in_chunk = in_chunk;
        if !slot.listed {
            slot.listed = true;
            self.listed.push(place);
        }
        self.places[place as usize].wake.replace(wake)
    }

    pub(super) fn count(&self) -> ParkedCount {
        let parked = self.places.iter().filter(|place| place.wake.is_some());
        parked.fold(ParkedCount::default(), |mut count, place| {
            *(if place.in_chunk { &mut count.in_chunks } else { &mut count.strays }) += 1;
            count
        })
    }

    /// Whether every reader waits, that is, has read all there is.
    pub(super) fn all(&self) -> bool {
        self.listed.len() + self.free as usize >= self.places.len()
    }

    #[inline]
    pub(super) fn take(&mut self, wakes: &mut Wakes) {
        if !self.listed.is_empty() {
            self.take_listed(wakes);
        }
    }

    fn take_listed(&mut self, wakes: &mut Wakes) {
        match self.listed.as_slice() {
            [] | [_] => {}
            many => {
                if let Wakes::None = wakes {
                    *wakes = Wakes::Many(Vec::with_capacity(many.len()));
                }
            }
        }
        for place in self.listed.drain(..) {
            let place = &mut self.places[place as usize];
            place.listed = false;
            if let Some(wake) = place.wake.take() {
                wakes.push(wake);
            }
        }
    }
}
