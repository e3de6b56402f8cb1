use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub::{EventTarget, TargetMetrics};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};
use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use tokio::time::{MissedTickBehavior, interval};

use super::snapshot::Snapshot;
use crate::serve::Hub;

const PREFIX: &str = "alk_hub";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often an event is timed.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// After how many samples they are put into their buckets, also if nobody reads the metrics.
const KEEP_UP_EVERY: u32 = 20;
/// From what a system call takes to what nobody waits for, in seconds.
const BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// The hub's numbers as Prometheus wants them. They are brought up to date when somebody reads them.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    target: TargetMetrics,
}

impl Metrics {
    pub(crate) fn new(target: Arc<dyn EventTarget>) -> Self {
        let latency = Matcher::Full(format!("{PREFIX}_delivery_latency_seconds"));
        let builder = PrometheusBuilder::new();
        // There are buckets, which is all that it could find fault with.
        let builder =
            builder.set_buckets_for_metric(latency, &BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let target = with_local_recorder(&recorder, || TargetMetrics::register(target, PREFIX));
        Self { recorder, target }
    }

    /// Has a few events timed each second, for ever.
    pub(crate) async fn run(&self) {
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let handle = self.recorder.handle();
        for tick in (0..KEEP_UP_EVERY).cycle() {
            ticks.tick().await;
            self.target.sample();
            if tick == 0 {
                handle.run_upkeep();
            }
        }
    }

    fn render(&self, numbers: &Snapshot) -> String {
        self.target.update();
        with_local_recorder(&self.recorder, || tell(numbers));
        let handle = self.recorder.handle();
        handle.run_upkeep();
        handle.render()
    }
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")];
    (headers, hub.metrics.render(&Snapshot::of(&hub))).into_response()
}

/// What the target does not know.
fn tell(numbers: &Snapshot) {
    let Snapshot { upstream, connections, websocket, sse, http_publish, .. } = numbers;
    let on = |transport| vec![Label::new("transport", transport)];

    let info = vec![Label::new("version", numbers.version), Label::new("upstream", upstream.kind)];
    gauges("info", "The hub, always 1.", [(info, 1)]);
    gauges("ready", "Whether the hub takes clients.", [(vec![], u64::from(numbers.is_ready()))]);
    gauges("uptime_seconds", "Time since the hub was started.", [(vec![], numbers.uptime_seconds)]);
    gauges("connections_limit", "How many clients there may be.", [(vec![], connections.max as u64)]);
    let now = [(on("websocket"), connections.websocket), (on("sse"), connections.sse)];
    gauges("connections", "Clients now.", now);
    let come = [(on("websocket"), websocket.opened), (on("sse"), sse.opened)];
    counters("connections_total", "Clients that have come.", come);
    let frames = [(on("websocket"), websocket.frames_in)];
    counters("frames_received_total", "Frames that clients sent.", frames);
    let requests = [(vec![], http_publish.requests)];
    counters("http_publish_requests_total", "Requests to publish.", requests);
    let received = [(on("websocket"), websocket.published), (on("http"), http_publish.published)];
    counters("events_received_total", "Events that clients published.", received);
    let sent = [(on("websocket"), websocket.events_out), (on("sse"), sse.events_out)];
    counters("events_sent_total", "Events that clients were sent.", sent);
    let gaps = [(on("websocket"), websocket.gaps), (on("sse"), sse.gaps)];
    counters("client_gaps_total", "Gaps that clients were told.", gaps);
    let missed = [(on("websocket"), websocket.missed), (on("sse"), sse.missed)];
    counters("client_events_dropped_total", "Events that are known to be missing in these gaps.", missed);
    let no_events = [(vec![], upstream.refused_messages)];
    counters("upstream_refused_messages_total", "Messages of the upstream that were no events.", no_events);
    let refused = [
        ("websocket", &websocket.refused),
        ("sse", &sse.refused),
        ("http", &http_publish.refused),
        ("hub", &numbers.refused),
    ];
    let refused = refused.into_iter().flat_map(|(by, reasons)| {
        reasons.iter().map(move |(reason, count)| {
            (vec![Label::new("transport", by), Label::new("reason", *reason)], *count)
        })
    });
    counters("refused_total", "Requests, frames, topics and events that were refused.", refused);
}

fn gauges(name: &str, help: &'static str, rows: impl IntoIterator<Item = (Vec<Label>, u64)>) {
    let name = format!("{PREFIX}_{name}");
    describe_gauge!(name.clone(), Unit::Count, help);
    for (labels, value) in rows {
        gauge!(name.clone(), labels).set(value as f64);
    }
}

fn counters(name: &str, help: &'static str, rows: impl IntoIterator<Item = (Vec<Label>, u64)>) {
    let name = format!("{PREFIX}_{name}");
    describe_counter!(name.clone(), Unit::Count, help);
    for (labels, value) in rows {
        counter!(name.clone(), labels).absolute(value);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("target", &self.target).finish_non_exhaustive()
    }
}
