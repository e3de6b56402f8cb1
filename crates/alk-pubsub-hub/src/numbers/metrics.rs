use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::snapshot::Snapshot;
use crate::serve::Hub;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`: the numbers of `/stats`, named as Prometheus wants them.
pub(crate) async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let mut registry = Registry::with_prefix("alk_hub");
    registry.register_collector(Box::new(Numbers(Snapshot::of(&hub))));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => {
            let headers: [(HeaderName, &str); 2] =
                [(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")];
            (headers, body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug)]
struct Numbers(Snapshot);

/// A number under one label and its value, or several.
type Row<'a> = (&'a [(&'static str, &'static str)], u64);

const WEBSOCKET: &[(&str, &str)] = &[("kind", "websocket")];
const SSE: &[(&str, &str)] = &[("kind", "sse")];
const HTTP: &[(&str, &str)] = &[("kind", "http")];

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Snapshot { upstream, connections, events, websocket, sse, http_publish, .. } = &self.0;
        let mut out = Out(encoder);
        out.gauge("ready", "Whether the hub takes clients.", u64::from(self.0.is_ready()))?;
        let kind: &[(&str, &str)] = &[("kind", upstream.kind)];
        out.gauges(
            "upstream_connected",
            "Whether what stands behind the hub is connected.",
            &[(kind, u64::from(upstream.is_connected()))],
        )?;
        out.counters(
            "upstream_refused_messages",
            "Messages of the upstream that were no events.",
            &[(kind, upstream.refused_messages)],
        )?;
        out.gauge("uptime_seconds", "Time since the hub was started.", self.0.uptime_seconds)?;
        out.gauge("connections_limit", "How many clients there may be.", connections.max as u64)?;
        out.gauges(
            "connections",
            "Clients now.",
            &[(WEBSOCKET, connections.websocket), (SSE, connections.sse)],
        )?;
        out.counters(
            "connections_opened",
            "Clients that have come.",
            &[(WEBSOCKET, websocket.opened), (SSE, sse.opened)],
        )?;
        out.counter("events_published", "Events that were published, by whomever.", events.published)?;
        out.counter("events_delivered", "Events times their subscribers.", events.delivered)?;
        out.counter("events_missed", "Events that subscribers missed.", events.missed)?;
        out.gauge(
            "interests",
            "Different topics, types and everything that somebody listens to.",
            self.0.interests,
        )?;
        out.gauge("subscribers", "Subscriptions.", self.0.subscribers)?;
        out.counter("frames_received", "Frames that WebSockets sent.", websocket.frames_in)?;
        out.counter("http_publish_requests", "Requests to publish.", http_publish.requests)?;
        out.counters(
            "events_received",
            "Events that clients published.",
            &[(WEBSOCKET, websocket.published), (HTTP, http_publish.published)],
        )?;
        out.counters(
            "events_sent",
            "Events that clients were sent.",
            &[(WEBSOCKET, websocket.events_out), (SSE, sse.events_out)],
        )?;
        out.counters(
            "gaps",
            "Gaps that clients were told.",
            &[(WEBSOCKET, websocket.gaps), (SSE, sse.gaps)],
        )?;
        out.counters(
            "gap_events",
            "Events that are known to be missing in these gaps.",
            &[(WEBSOCKET, websocket.missed), (SSE, sse.missed)],
        )?;
        let refused = [
            ("websocket", &websocket.refused),
            ("sse", &sse.refused),
            ("http", &http_publish.refused),
            ("hub", &self.0.refused),
        ];
        let labelled: Vec<([(&str, &str); 2], u64)> = refused
            .into_iter()
            .flat_map(|(kind, codes)| {
                codes.iter().map(move |(code, count)| ([("kind", kind), ("code", *code)], *count))
            })
            .collect();
        let rows: Vec<Row<'_>> = labelled.iter().map(|(labels, count)| (labels.as_slice(), *count)).collect();
        out.counters("refused", "Requests, frames, topics and events that were refused.", &rows)
    }
}

struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn gauges(&mut self, name: &str, help: &str, rows: &[Row<'_>]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.iter()
            .try_for_each(|(labels, value)| ConstGauge::new(*value).encode(family.encode_family(labels)?))
    }

    fn counters(&mut self, name: &str, help: &str, rows: &[Row<'_>]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.iter()
            .try_for_each(|(labels, value)| ConstCounter::new(*value).encode(family.encode_family(labels)?))
    }
}
