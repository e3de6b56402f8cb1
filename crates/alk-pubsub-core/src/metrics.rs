//! A target's counters, told to the recorder of the `metrics` crate.

use std::fmt;
use std::sync::Arc;

use metrics::{
    Counter, Gauge, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::gap::GapReason;
use crate::latency::LatencyProbe;
use crate::state::ConnectionState;
use crate::target::EventTarget;

/// What a target says of itself, as metrics.
///
/// Publishing and delivering know nothing of metrics: the target counts as it does anyway, and [`update`](Self::update) copies
/// its counters. Call it when the metrics are read, or every few seconds.
///
/// | name | kind | |
/// | --- | --- | --- |
/// | `…_events_published_total` | counter | events that were handed to the router |
/// | `…_events_delivered_total` | counter | events times their receivers in this process |
/// | `…_events_dropped_total{reason}` | counter | events that subscribers missed, as far as that is known |
/// | `…_gaps_total{reason}` | counter | gaps that subscribers came upon |
/// | `…_events_waiting` | gauge | events that wait to be received, times their subscriptions; see [`Stats::waiting`] |
/// | `…_interests` | gauge | interests that somebody listens to |
/// | `…_subscriptions` | gauge | subscriptions and listeners |
/// | `…_upstream_connected` | gauge | 1 while the transport is connected, else 0 |
/// | `…_upstream_reconnects_total` | counter | how often it was connected again |
/// | `…_delivery_latency_seconds` | histogram | from the router to the socket, of the events that [`sample`](Self::sample) picks |
///
/// [`Stats::waiting`]: crate::Stats::waiting
///
/// ```
/// use alk_pubsub_core::{InProcessEventTarget, TargetMetrics};
///
/// let target = InProcessEventTarget::in_process();
/// let metrics = TargetMetrics::register(target, "alk_pubsub");
/// metrics.update();
/// ```
pub struct TargetMetrics {
    target: Arc<dyn EventTarget>,
    probe: LatencyProbe,
    published: Counter,
    delivered: Counter,
    by_reason: [(GapReason, Counter, Counter); GapReason::ALL.len()],
    waiting: Gauge,
    interests: Gauge,
    subscriptions: Gauge,
    connected: Gauge,
    reconnects: Counter,
}

impl TargetMetrics {
    /// Registers the metrics of `target`, whose names begin with `prefix` and `_`, with the recorder that is current.
    ///
    /// Two targets of one process are told apart by their prefixes.
    pub fn register(target: impl EventTarget, prefix: &str) -> Self {
        let name = |name: &str| format!("{prefix}_{name}");
        let described_counter = |of: &str, help: &'static str| {
            describe_counter!(name(of), Unit::Count, help);
            name(of)
        };
        let described_gauge = |of: &str, help: &'static str| {
            describe_gauge!(name(of), Unit::Count, help);
            gauge!(name(of))
        };
        let latency = name("delivery_latency_seconds");
        describe_histogram!(
            latency.clone(),
            Unit::Seconds,
            "Time from the router to the socket, of a few events each second."
        );
        let latency = histogram!(latency);
        let probe = LatencyProbe::new(move |time| latency.record(time));
        target.probe_latency(probe.clone());
        let dropped =
            described_counter("events_dropped_total", "Events that subscribers are known to have missed.");
        let gaps = described_counter("gaps_total", "Gaps that subscribers came upon.");
        Self {
            target: Arc::new(target),
            probe,
            published: counter!(described_counter("events_published_total", "Events handed to the router.")),
            delivered: counter!(described_counter(
                "events_delivered_total",
                "Events times their receivers in this process."
            )),
            by_reason: GapReason::ALL.map(|reason| {
                let of = |name: &String| counter!(name.clone(), "reason" => reason.as_str());
                (reason, of(&gaps), of(&dropped))
            }),
            waiting: described_gauge(
                "events_waiting",
                "Events that wait to be received, times the subscriptions that they wait for; at most so many.",
            ),
            interests: described_gauge(
                "interests",
                "Different topics, types and everything that somebody listens to.",
            ),
            subscriptions: described_gauge("subscriptions", "Subscriptions and listeners."),
            connected: described_gauge("upstream_connected", "Whether the upstream is connected."),
            reconnects: counter!(described_counter(
                "upstream_reconnects_total",
                "How often the upstream was connected again."
            )),
        }
    }

    /// Copies the counters of the target. Takes each log's lock for a moment.
    pub fn update(&self) {
        let stats = self.target.stats();
        self.published.absolute(stats.published);
        self.delivered.absolute(stats.delivered);
        for (reason, gaps, dropped) in &self.by_reason {
            let count = stats.gaps.of(*reason);
            gaps.absolute(count.gaps);
            dropped.absolute(count.missed);
        }
        self.waiting.set(stats.waiting as f64);
        self.interests.set(stats.interests as f64);
        self.subscriptions.set(stats.subscribers as f64);
        let connected = self.target.state().current() == ConnectionState::Connected;
        self.connected.set(f64::from(u8::from(connected)));
        self.reconnects.absolute(stats.reconnects);
    }

    /// Has the next event timed on its way to all sockets that it goes to. To be called a few times each second: the
    /// histogram has no event otherwise, and the cost is that of these few events whatever the rate of all is.
    pub fn sample(&self) {
        self.probe.arm();
    }
}

impl fmt::Debug for TargetMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetMetrics").field("stats", &self.target.stats()).finish_non_exhaustive()
    }
}
