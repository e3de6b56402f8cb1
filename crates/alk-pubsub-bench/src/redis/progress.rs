use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::note::Note;

/// How often a subscriber says how far it is.
const SAY_EVERY: u64 = 256;

/// How far the subscribers of this process are.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The number of the last event.
    last: u64,
    /// One more than the last number that each has received; zero until it listens.
    next: Vec<AtomicU64>,
    changed: Notify,
    late: Mutex<Histogram<u64>>,
}

/// One of the subscribers.
#[derive(Debug)]
pub(super) struct Subscriber {
    progress: Progress,
    number: usize,
    /// How late its events were, in microseconds.
    late: Histogram<u64>,
}

fn histogram() -> Histogram<u64> {
    // A minute, to three digits: bounds that are never refused.
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds")
}

impl Progress {
    /// Of so many subscribers, for each of which events from 1 to `last` will come.
    pub(super) fn new(subscribers: usize, last: u64) -> Self {
        let next = (0..subscribers).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Shared { last, next, changed: Notify::new(), late: Mutex::new(histogram()) }))
    }

    pub(super) fn subscribers(&self) -> impl Iterator<Item = Subscriber> {
        let number = 0..self.0.next.len();
        number.map(|number| Subscriber { progress: self.clone(), number, late: histogram() })
    }

    fn slowest(&self) -> u64 {
        self.0.next.iter().map(|next| next.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    /// Calls `say` whenever the slowest is further, until it has everything.
    pub(super) async fn tell(&self, mut say: impl FnMut(u64)) {
        let mut said = 0;
        while said <= self.0.last {
            let slowest = self.slowest();
            if slowest > said {
                said = slowest;
                say(said);
            }
            // Who is at the end of a burst says so only now and then, so this looks again by itself.
            let _ = timeout(Duration::from_millis(1), self.0.changed.notified()).await;
        }
    }

    /// The median and the 99th percentile of how late events were, in microseconds, when all have come.
    pub(super) fn late(&self) -> [f64; 2] {
        let late = self.0.late.lock().unwrap_or_else(PoisonError::into_inner);
        [0.5, 0.99].map(|quantile| late.value_at_quantile(quantile) as f64)
    }
}

impl Subscriber {
    /// Has received this; whether more are to come.
    ///
    /// # Errors
    ///
    /// It is not what comes next: then the run is worth nothing.
    pub(super) fn receive(&mut self, note: &Note) -> Result<bool> {
        let shared = &self.progress.0;
        let next = &shared.next[self.number];
        let expected = next.load(Ordering::Relaxed);
        anyhow::ensure!(
            note.is_whole() && (note.number == 0 || note.number == expected),
            "subscriber {} was to receive {expected}, and {} came: an event was lost, came twice or too early",
            self.number,
            note.number
        );
        if note.number > 0 {
            self.late.saturating_record(note.age());
        }
        if note.number == shared.last {
            shared.late.lock().unwrap_or_else(PoisonError::into_inner).add(&self.late)?;
        }
        next.store(note.number + 1, Ordering::Release);
        if note.number.is_multiple_of(SAY_EVERY) {
            shared.changed.notify_one();
        }
        Ok(note.number < shared.last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Note, Progress};

    #[test]
    fn what_is_lost_comes_twice_or_too_early_is_told() {
        for (numbers, fine) in
            [([0, 0, 1, 2], true), ([0, 1, 2, 3], true), ([0, 1, 1, 2], false), ([0, 2, 1, 3], false)]
        {
            let progress = Progress::new(1, 3);
            let mut subscriber = progress.subscribers().next().expect("one");
            let more: Result<Vec<bool>, _> =
                numbers.into_iter().map(|number| subscriber.receive(&Note::new(number))).collect();
            assert_eq!(more.is_ok(), fine, "{numbers:?}");
        }
    }

    #[tokio::test]
    async fn the_slowest_is_what_counts() {
        let progress = Progress::new(2, 2);
        let mut subscribers: Vec<_> = progress.subscribers().collect();
        let mut receive =
            |who: usize, number| subscribers[who].receive(&Note::new(number)).expect("in order");
        receive(0, 0);
        assert_eq!(progress.slowest(), 0, "the other does not listen");
        receive(1, 0);
        assert_eq!([receive(0, 1), receive(0, 2)], [true, false]);
        assert_eq!(progress.slowest(), 1);
        assert_eq!([receive(1, 1), receive(1, 2)], [true, false]);
        let mut said = Vec::new();
        progress.tell(|next| said.push(next)).await;
        assert_eq!(said, [3]);
        assert!(progress.late()[0] >= 0.0);
    }
}
