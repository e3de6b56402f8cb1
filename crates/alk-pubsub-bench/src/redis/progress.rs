use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How far a publisher is ahead at most of the slowest subscriber.
const AHEAD: u64 = 8_192;
/// How many publishes are under way at once.
const UNDER_WAY: u64 = 256;
/// How often a subscriber says how far it is.
const SAY_EVERY: u64 = 256;
const BACKSTOP: Duration = Duration::from_secs(60);

/// The payload; with what stands around it about 200 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Zero for those that are sent until everybody listens.
    number: u64,
    text: String,
}

impl Note {
    fn new(number: u64) -> Self {
        Self { number, text: "x".repeat(130) }
    }
}

/// The envelope as one would write it by hand.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    event_type: String,
    id: String,
    pub(super) payload: Note,
}

impl Envelope {
    pub(super) fn new(payload: Note) -> Self {
        Self { event_type: "note".to_owned(), id: "bench".to_owned(), payload }
    }
}

/// How far the subscribers are.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// One more than the last number that each has received; zero until it listens.
    next: Vec<AtomicU64>,
    changed: Notify,
}

impl Progress {
    pub(super) fn new(subscribers: usize) -> Self {
        let next = (0..subscribers).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Shared { next, changed: Notify::new() }))
    }

    /// A subscriber has received this.
    ///
    /// # Panics
    ///
    /// If it is not what comes next: then the run is worth nothing.
    pub(super) fn received(&self, subscriber: usize, note: &Note) {
        let next = &self.0.next[subscriber];
        let expected = next.load(Ordering::Relaxed);
        if note.number > 0 {
            assert_eq!(note.number, expected, "an event was lost, came twice or too early");
        }
        assert_eq!(note.text.len(), 130);
        next.store(note.number + 1, Ordering::Release);
        if note.number.is_multiple_of(SAY_EVERY) {
            self.0.changed.notify_one();
        }
    }

    fn slowest(&self) -> u64 {
        self.0.next.iter().map(|next| next.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    async fn until(&self, next: u64) -> Result<()> {
        let deadline = Instant::now() + BACKSTOP;
        while self.slowest() < next {
            ensure!(
                Instant::now() < deadline,
                "a subscriber got no further than {} of {next}",
                self.slowest()
            );
            // Who finishes a round says so only now and then, so this looks again by itself.
            let _ = timeout(Duration::from_millis(1), self.0.changed.notified()).await;
        }
        Ok(())
    }

    /// Publishes so many events after everybody listens; how many were delivered each second.
    ///
    /// `publish` gets as many as may be under way, and has them published in their order.
    pub(super) async fn run<F, P>(&self, events: u64, publish: P) -> Result<f64>
    where
        P: Fn(Vec<Note>) -> F,
        F: Future<Output = Result<()>>,
    {
        let deadline = Instant::now() + BACKSTOP;
        while self.slowest() == 0 {
            ensure!(Instant::now() < deadline, "not every subscriber listens");
            publish(vec![Note::new(0)]).await?;
            let _ = timeout(Duration::from_millis(1), self.0.changed.notified()).await;
        }
        let start = Instant::now();
        let mut number = 1;
        while number <= events {
            self.until(number.saturating_sub(AHEAD)).await?;
            let last = (number + UNDER_WAY - 1).min(events);
            publish((number..=last).map(Note::new).collect()).await?;
            number = last + 1;
        }
        self.until(events + 1).await?;
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let delivered = (events * self.0.next.len() as u64) as f64;
        Ok(delivered / start.elapsed().as_secs_f64())
    }
}
