use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::mem;

/// The values of the last so many distinct keys; the one that was not touched for longest makes room for the
/// next.
///
/// The entries keep their places, which link them twice: by age, and with others whose key has the same hash.
/// So a key is stored once, and two keys are one only if `Eq` says so.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: Vec<Entry<K, V>>,
    first_of_hash: HashMap<u64, usize, BuildHasherDefault<Unhashed>>,
    hasher: RandomState,
    oldest: usize,
    newest: usize,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    hash: u64,
    next_of_hash: usize,
    older: usize,
    newer: usize,
}

/// In place of a place: there is none.
const NONE: usize = usize::MAX;

/// Says that a key is not there, which is what [`Recent::insert`] goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absent {
    hash: u64,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Vec::new(),
            first_of_hash: HashMap::default(),
            hasher: RandomState::new(),
            oldest: NONE,
            newest: NONE,
            capacity,
        }
    }

    /// The value of `key`, which is the newest from now on.
    pub(super) fn touch(&mut self, key: &K) -> Result<&mut V, Absent> {
        let hash = self.hasher.hash_one(key);
        let mut place = self.first_of_hash.get(&hash).copied().unwrap_or(NONE);
        while place != NONE && self.entries[place].key != *key {
            place = self.entries[place].next_of_hash;
        }
        if place == NONE {
            return Err(Absent { hash });
        }
        if place != self.newest {
            self.unlink(place);
            self.link(place, self.newest, NONE);
        }
        Ok(&mut self.entries[place].value)
    }

    /// Adds what was found absent, and returns what had to make room for it.
    pub(super) fn insert(&mut self, Absent { hash }: Absent, key: K, value: V) -> Option<(K, V)> {
        let place = self.next_place();
        let made_room = self.is_full();
        if made_room {
            self.unlink(place);
            self.unlink_hash(place);
        }
        let next_of_hash = self.first_of_hash.insert(hash, place).unwrap_or(NONE);
        let entry = Entry { key, value, hash, next_of_hash, older: NONE, newer: NONE };
        let evicted = if made_room {
            Some(mem::replace(&mut self.entries[place], entry))
        } else {
            self.entries.push(entry);
            None
        };
        self.link(place, self.newest, NONE);
        evicted.map(|entry| (entry.key, entry.value))
    }

    /// Where the next [`insert`](Self::insert) will put its entry, which stays there until it makes room for
    /// another.
    pub(super) fn next_place(&self) -> usize {
        if self.is_full() { self.oldest } else { self.entries.len() }
    }

    /// The value at a place.
    pub(super) fn at(&self, place: usize) -> Option<&V> {
        self.entries.get(place).map(|entry| &entry.value)
    }

    /// Lets the entry at `place` be the next to make room.
    pub(super) fn make_oldest(&mut self, place: usize) {
        if place != self.oldest {
            self.unlink(place);
            self.link(place, NONE, self.oldest);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_full(&self) -> bool {
        self.entries.len() == self.capacity
    }

    /// Puts `place` into the list by age, between two neighbours.
    fn link(&mut self, place: usize, older: usize, newer: usize) {
        self.entries[place].older = older;
        self.entries[place].newer = newer;
        self.set_newer(older, place);
        self.set_older(newer, place);
    }

    /// Takes `place` out of the list by age.
    fn unlink(&mut self, place: usize) {
        let Entry { older, newer, .. } = self.entries[place];
        self.set_newer(older, newer);
        self.set_older(newer, older);
    }

    fn set_newer(&mut self, of: usize, newer: usize) {
        match self.entries.get_mut(of) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn set_older(&mut self, of: usize, older: usize) {
        match self.entries.get_mut(of) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    /// Takes `place` out of the list of those with its hash.
    fn unlink_hash(&mut self, place: usize) {
        let Entry { hash, next_of_hash, .. } = self.entries[place];
        let mut before = self.first_of_hash.get(&hash).copied().unwrap_or(NONE);
        if before == place {
            if next_of_hash == NONE {
                self.first_of_hash.remove(&hash);
            } else {
                self.first_of_hash.insert(hash, next_of_hash);
            }
            return;
        }
        while before != NONE && self.entries[before].next_of_hash != place {
            before = self.entries[before].next_of_hash;
        }
        if let Some(entry) = self.entries.get_mut(before) {
            entry.next_of_hash = next_of_hash;
        }
    }
}

/// The hasher of what is a hash already.
#[derive(Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key whose hash is the same for all.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Colliding(u32);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u8(0);
        }
    }

    /// Touches or inserts, and returns whether the key was known and which one had to go.
    fn see<K: Hash + Eq + Clone>(recent: &mut Recent<K, K>, key: &K) -> (bool, Option<K>) {
        match recent.touch(key) {
            Ok(value) => {
                assert!(value == key);
                (true, None)
            }
            Err(absent) => (false, recent.insert(absent, key.clone(), key.clone()).map(|(key, _)| key)),
        }
    }

    /// The same with a `Vec`, oldest first.
    fn see_model<K: PartialEq + Clone>(model: &mut Vec<K>, capacity: usize, key: &K) -> (bool, Option<K>) {
        if let Some(at) = model.iter().position(|known| known == key) {
            let key = model.remove(at);
            model.push(key);
            return (true, None);
        }
        let evicted = (model.len() == capacity).then(|| model.remove(0));
        model.push(key.clone());
        (false, evicted)
    }

    proptest::proptest! {
        #[test]
        fn does_what_a_list_does(capacity in 1usize..6, keys in proptest::collection::vec(0u32..9, 0..80)) {
            let (mut recent, mut colliding) = (Recent::new(capacity), Recent::new(capacity));
            let mut model = Vec::new();
            for key in keys {
                let expected = see_model(&mut model, capacity, &key);
                assert_eq!(see(&mut recent, &key), expected);
                let (known, evicted) = see(&mut colliding, &Colliding(key));
                assert_eq!((known, evicted.map(|key| key.0)), expected);
            }
        }
    }

    #[test]
    fn the_one_made_oldest_is_the_next_to_go() {
        let mut recent = Recent::new(3);
        for key in ["a", "b", "c"] {
            see(&mut recent, &key);
        }
        recent.make_oldest(2);
        recent.make_oldest(2);
        assert_eq!((recent.next_place(), recent.at(2)), (2, Some(&"c")));
        assert_eq!(see(&mut recent, &"d"), (false, Some("c")));
        assert_eq!(see(&mut recent, &"e"), (false, Some("a")));
    }

    #[test]
    fn an_only_entry_makes_room_for_the_next() {
        let mut recent = Recent::new(1);
        assert!(recent.is_empty());
        assert_eq!(see(&mut recent, &1), (false, None));
        recent.make_oldest(0);
        assert_eq!(see(&mut recent, &2), (false, Some(1)));
        assert_eq!(see(&mut recent, &2), (true, None));
    }
}
