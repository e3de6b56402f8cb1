use serde::{Deserialize, Serialize};

/// The event: small, and numbered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) sequence: u64,
    kind: u32,
    value: f64,
}

impl Tick {
    pub(crate) fn new(sequence: u64) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "it is there to be added up")]
        let value = sequence as f64;
        Self { sequence, kind: (sequence & 7) as u32, value }
    }
}

/// Sees to it that events come complete and in order, and looks at each as one who wants it would.
#[derive(Debug, Default)]
pub(crate) struct Check {
    next: u64,
    sum: f64,
}

impl Check {
    /// # Panics
    ///
    /// If it is not the one that comes next: then the run is worth nothing.
    pub(crate) fn see(&mut self, tick: &Tick) {
        assert_eq!(tick.sequence, self.next, "an event was lost, came twice or too early");
        self.next += 1;
        self.sum += tick.value + f64::from(tick.kind);
    }

    /// How many it saw.
    pub(crate) fn seen(&self) -> u64 {
        std::hint::black_box(self.sum);
        self.next
    }
}
