//! What clients have in common.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::topics;

/// How long a subscriber waits for what it is owed. Longer than any server is away, and than anybody waits before
/// connecting again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as they can.
    Quick,
    /// Behind a [narrow](crate::narrow) way: the hub cannot send as fast as events come.
    Narrow,
    /// With a small queue of their own, from which they take less often than events come.
    Sleepy,
}

impl Pace {
    /// Whether it loses events though all is well with the servers.
    pub(crate) fn is_slow(self) -> bool {
        self != Pace::Quick
    }

    /// How long a subscription stays. Who is slow needs a while to lose something.
    pub(crate) fn stay(self, random: &mut StdRng) -> Duration {
        if self.is_slow() { between(random, 5000, 40_000) } else { between(random, 500, 20_000) }
    }
}

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

    /// Where one of the hubs is, for who reads like that.
    pub(crate) fn hub(&self, random: &mut StdRng, pace: Pace) -> SocketAddr {
        let hub = &self.hubs[random.random_range(0..2)];
        if pace == Pace::Narrow { hub.narrow_address() } else { hub.address() }
    }

    /// Whether everybody is to go.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// A hub ends when it is killed, and not by itself.
    pub(crate) async fn look_after(&self, hub: &Hub) {
        if let Some(status) = hub.ended().await {
            let log = hub.log().display();
            self.ledger.violated(format!("a hub has ended by itself ({status}); it said: {log}"));
        }
    }
}

/// What one subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Topic(usize),
    /// The type of this topic.
    Type(usize),
    Everything,
}

impl Wish {
    /// What one who reads like that subscribes to: mostly one topic, sometimes a type, seldom everything. Slow ones want what
    /// comes faster than they read.
    pub(crate) fn choose(random: &mut StdRng, pace: Pace) -> Self {
        let topic = if pace.is_slow() { topics::loud(random) } else { topics::quiet(random) };
        let everything = if pace.is_slow() { 8 } else { 2 };
        match random.random_range(0..64) {
            dice if dice < everything => Wish::Everything,
            dice if dice < everything + 8 => Wish::Type(topic),
            _ => Wish::Topic(topic),
        }
    }

    /// All that comes of it.
    pub(crate) fn topics(self) -> Range<usize> {
        match self {
            Wish::Topic(topic) => topic..topic + 1,
            Wish::Type(topic) => topics::siblings(topic),
            Wish::Everything => 0..topics::ALL,
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Everything => f.write_str("*"),
            Wish::Type(topic) => f.write_str(&topics::name(*topic).0),
            Wish::Topic(topic) => {
                let (event_type, id) = topics::name(*topic);
                write!(f, "{event_type}:{id}")
            }
        }
    }
}

/// Where spokes connect to.
pub(crate) fn url(hub: SocketAddr) -> String {
    format!("ws://{hub}/ws")
}

pub(crate) fn between(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most))
}
