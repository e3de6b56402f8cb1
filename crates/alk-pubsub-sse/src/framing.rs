//! Events, gaps and the rest as the text of an event stream.

use std::time::Duration;

use alk_pubsub_core::{Encoding, Event, Framing, Gap};
use alk_pubsub_link::{Control, Wire};
use bytes::Bytes;

/// `event: <type>`, `data: <envelope>`, and the empty line that ends it.
pub(crate) struct SseFraming;

impl Framing for SseFraming {
    fn name(&self) -> &'static str {
        "sse"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, event: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        // The characters of a type end no line.
        let event_type = event.topic().event_type().as_str();
        out.reserve(event_type.len() + envelope.len() + 16);
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event_type.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let start = out.len();
        out.extend_from_slice(envelope);
        // In JSON the ends of lines stand between tokens only, where a space means the same. What is no JSON
        // still cannot begin another field.
        for byte in &mut out[start..] {
            if matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.extend_from_slice(b"\n\n");
    }
}

/// Says that the stream is open, so that what stands in between passes on the headers.
pub(crate) const SUBSCRIBED: Bytes = Bytes::from_static(b": subscribed\n\n");

pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// A control message as an event of its own.
pub(crate) fn control(control: &Control) -> Bytes {
    // Only events can fail to be encoded, and none is in one of those that are sent here.
    let json = control.encode(Wire::Json).unwrap_or_default();
    [b"event: ", control.frame_type().as_bytes(), b"\ndata: ", &json, b"\n\n"].concat().into()
}

/// A gap as an event of its own.
pub(crate) fn gap(gap: &Gap) -> Bytes {
    control(&Control::Gap { reason: gap.reason().as_str().to_owned(), missed: gap.missed() })
}

/// The last event of a stream that is not to be opened again in the same way.
pub(crate) fn close(reason: &str) -> Bytes {
    control(&Control::Close { reason: reason.to_owned(), reconnect: false, retry_ms: None })
}

/// Tells the client when to come back.
pub(crate) fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

#[cfg(test)]
mod tests {
    use alk_pubsub_core::{Encoding, Event, Framing, Gap, GapReason, Topic};

    use super::{SseFraming, gap};

    fn framed(envelope: &'static [u8]) -> String {
        let topic: Topic = "a.b:c".parse().unwrap();
        let event = Event::from_parts(Encoding::JSON, envelope.into(), topic, 0..0);
        let mut out = b"before".to_vec();
        SseFraming.frame(&event, envelope, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_two_lines_and_an_empty_one() {
        assert_eq!(
            framed(br#"{"type":"a.b","id":"c"}"#),
            "beforeevent: a.b\ndata: {\"type\":\"a.b\",\"id\":\"c\"}\n\n"
        );
    }

    #[test]
    fn no_envelope_can_add_a_field() {
        assert_eq!(framed(b"{\r\n\"x\":1\r}\nevent: y"), "beforeevent: a.b\ndata: {  \"x\":1 } event: y\n\n");
    }

    #[test]
    fn a_gap_says_how_many_or_null() {
        let framed = |reason, missed| String::from_utf8(gap(&Gap::new(reason, missed)).to_vec()).unwrap();
        assert_eq!(
            framed(GapReason::Overflow, Some(3)),
            "event: __gap\ndata: {\"type\":\"__gap\",\"id\":\"\",\"payload\":{\"reason\":\"slow_consumer\",\"missed\":3}}\n\n"
        );
        let unknown = framed(GapReason::Reconnected, None);
        assert!(unknown.contains("{\"reason\":\"upstream_reconnected\",\"missed\":null}"), "{unknown}");
    }
}
