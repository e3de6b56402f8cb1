//! What clients have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::hub::Hub;
use crate::ledger::Ledger;

/// How long a subscriber waits for what it is owed. Longer than any server is away, and than anybody waits before
/// connecting again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where clients live.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) hubs: Arc<[Hub; 2]>,
    pub(crate) over: Arc<AtomicBool>,
    pub(crate) seed: u64,
}

impl World {
    /// The choices of one of those who live here.
    pub(crate) fn random(&self, kind: u64, number: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ (kind << 48) ^ (number << 16))
    }

    pub(crate) fn hub(&self, random: &mut StdRng) -> &Hub {
        &self.hubs[random.random_range(0..2)]
    }

    /// Whether everybody is to go.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn topic(&self, random: &mut StdRng) -> usize {
        random.random_range(0..self.ledger.topics())
    }
}

pub(crate) fn between(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most))
}
