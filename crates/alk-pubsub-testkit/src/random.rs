/// Numbers for a schedule of your own: the same seed, the same numbers, on every machine. SplitMix64.
///
/// ```
/// # use alk_pubsub_testkit::Random;
/// let mut random = Random::seeded(17);
/// assert!(random.below(6) < 6);
/// ```
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers that belong to a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::of(seed, [])
    }

    /// A stream of its own for each of several things under one seed, however close seeds and numbers are to each other.
    pub(crate) fn of<const PARTS: usize>(seed: u64, parts: [u64; PARTS]) -> Self {
        Self(parts.into_iter().fold(mixed(seed), |state, part| mixed(state.wrapping_add(STEP) ^ mixed(part))))
    }

    /// The next number, below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0) % limit.max(1)
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Random;

    #[test]
    fn no_two_of_many_neighbours_share_a_stream() {
        let mut seen = HashSet::new();
        for seed in 0..50 {
            for connection in 0..50 {
                for direction in 0..2 {
                    let mut random = Random::of(seed, [connection, direction]);
                    assert!(seen.insert([(); 2].map(|()| random.below(u64::MAX))));
                }
            }
        }
    }
}
