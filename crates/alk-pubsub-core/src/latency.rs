//! How long events are on their way within this process, taken from few of them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Times the way of single events from the router to the consumer of a [`Feed`](crate::Feed), say a socket.
///
/// Nothing is timed until the probe is [armed](Self::arm); then the next event that is delivered is, and no other. Every
/// feed that comes upon that event hands out a [`LatencySample`] behind its frame, and whoever has written the frame
/// [says so](LatencySample::written). So what it costs does not grow with the rate of events: whoever arms it four times a
/// second has the way of four events a second, to all the sockets that each of them goes to.
///
/// Given to a target by [`EventTarget::probe_latency`](crate::EventTarget::probe_latency). A handle, cheap to clone.
#[derive(Clone)]
pub struct LatencyProbe(Arc<Probe>);

struct Probe {
    armed: AtomicBool,
    record: Box<dyn Fn(Duration) + Send + Sync>,
}

/// One event on its way that is timed.
#[derive(Clone)]
pub struct LatencySample {
    since: Instant,
    probe: LatencyProbe,
}

impl LatencyProbe {
    /// A probe that gives each duration to `record`, on the threads of those who write; it must not wait.
    pub fn new(record: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Probe { armed: AtomicBool::new(false), record: Box::new(record) }))
    }

    /// Has the next event timed.
    pub fn arm(&self) {
        self.0.armed.store(true, Ordering::Relaxed);
    }

    /// For the event that is delivered now, if it is to be timed.
    #[inline]
    pub(crate) fn sample(&self) -> Option<LatencySample> {
        let armed = self.0.armed.load(Ordering::Relaxed) && self.0.armed.swap(false, Ordering::Relaxed);
        armed.then(|| LatencySample { since: Instant::now(), probe: self.clone() })
    }
}

impl LatencySample {
    /// The event is where it was to go. A sample that is dropped otherwise was lost on the way and counts for nothing.
    pub fn written(self) {
        (self.probe.0.record)(self.since.elapsed());
    }
}

impl fmt::Debug for LatencyProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyProbe").field("armed", &self.0.armed).finish_non_exhaustive()
    }
}

impl fmt::Debug for LatencySample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencySample").field("since", &self.since).finish_non_exhaustive()
    }
}
