use std::time::Duration;

use crate::random::Random;

/// Something that happens to one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Both directions end at once.
    Cut,
    /// What comes next waits for so long.
    Delay(Duration),
    /// A part of what comes next is passed on, then both directions end.
    Halve,
    /// Nothing more is passed on, and nobody is told, until the proxy [heals](super::Proxy::heal) or cuts.
    Stall,
    /// What comes next passes at so many bytes a second at most, until the next fault.
    Throttle(u64),
    /// A byte of what comes next is another. TCP itself lets none of that pass: it is what a broken program on the way does. Events may
    /// arrive as others, so that what one relies on is that nothing crashes, hangs or grows.
    Garble,
}

/// The kinds that come unasked, delays counted five times.
const ALWAYS: u64 = 8;

/// The faults of a [`Proxy`](super::Proxy): the same seed, the same faults, for connections made in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    within_bytes: u64,
    max_delay: Duration,
    /// 0 for no such faults.
    throttle: u64,
    garbles: bool,
}

impl Schedule {
    /// No faults but those that are asked for.
    #[must_use]
    pub fn none() -> Self {
        Self::random(0, u64::MAX, Duration::ZERO)
    }

    /// Faults that come after at most `within_bytes` bytes each, in each direction; delays take at most `max_delay`.
    #[must_use]
    pub fn random(seed: u64, within_bytes: u64, max_delay: Duration) -> Self {
        Self { seed, within_bytes, max_delay, throttle: 0, garbles: false }
    }

    /// [Throttles](Fault::Throttle) among the faults, to so many bytes a second.
    #[must_use]
    pub fn throttles(mut self, bytes_per_second: u64) -> Self {
        self.throttle = bytes_per_second;
        self
    }

    /// [Garbled](Fault::Garble) bytes among the faults.
    #[must_use]
    pub fn garbles(mut self) -> Self {
        self.garbles = true;
        self
    }

    /// The randomness of one direction of one connection.
    pub(super) fn stream(&self, connection: u64, direction: u64) -> Random {
        Random::of(self.seed, [connection, direction])
    }

    /// After how many bytes the next fault comes, and which.
    pub(super) fn next(&self, random: &mut Random) -> (u64, Fault) {
        if self.within_bytes == u64::MAX {
            return (u64::MAX, Fault::Cut);
        }
        let after = random.below(self.within_bytes);
        // A schedule without those that have to be asked for draws what it always drew.
        let throttle = (self.throttle > 0).then_some(Fault::Throttle(self.throttle));
        let mut asked_for = throttle.into_iter().chain(self.garbles.then_some(Fault::Garble));
        let fault = match random.below(ALWAYS + asked_for.clone().count() as u64) {
            0 => Fault::Cut,
            1 => Fault::Halve,
            2 => Fault::Stall,
            kind @ ALWAYS.. => asked_for.nth((kind > ALWAYS).into()).unwrap_or(Fault::Cut),
            _ => {
                let most = u64::try_from(self.max_delay.as_micros()).unwrap_or(u64::MAX);
                Fault::Delay(Duration::from_micros(random.below(most)))
            }
        };
        (after, fault)
    }
}
