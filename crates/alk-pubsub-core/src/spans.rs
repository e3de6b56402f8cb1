//! Spans of `tracing`, on the level debug, with the names of OpenTelemetry's conventions for messaging.
//!
//! `otel.name` and `otel.kind` are what tracing-opentelemetry makes a span's name and kind of. Where nobody listens to spans
//! of this level a span costs one look at a static, and none of its fields is worked out.

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Level, Span, debug_span, field};

use crate::error::Error;
use crate::event::Event;
use crate::name::Topic;
use crate::target::Published;

const SYSTEM: &str = "alk-pubsub";

/// Whether anybody listens to spans of their level: if not, nothing is to be done about them.
#[inline]
pub(crate) fn are_heard() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

/// Of a publisher, from its call until the transport has the event.
pub(crate) fn publish(topic: &Topic) -> Span {
    debug_span!(
        "publish",
        otel.name = format_args!("publish {}", topic.event_type()),
        otel.kind = "producer",
        otel.status_code = field::Empty,
        error.type = field::Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = "publish",
        messaging.operation.type = "send",
        messaging.destination.name = %topic,
        messaging.destination.template = %topic.event_type(),
    )
}

/// Says in the span of a publisher how it went.
pub(crate) fn published(span: &Span, published: &Result<Published, Error>) {
    if let Err(error) = published {
        span.record("otel.status_code", "ERROR").record("error.type", field::debug(error.kind()));
    }
}

/// Of a router, while it hands an event to all that listen in this process.
pub(crate) fn deliver(event: &Event) -> Span {
    let topic = event.topic();
    debug_span!(
        "deliver",
        otel.name = format_args!("deliver {}", topic.event_type()),
        otel.kind = "internal",
        messaging.system = SYSTEM,
        messaging.operation.name = "deliver",
        messaging.destination.name = %topic,
        messaging.destination.template = %topic.event_type(),
        messaging.alk_pubsub.receivers = field::Empty,
        traceparent = event.traceparent().map(field::display),
    )
}
