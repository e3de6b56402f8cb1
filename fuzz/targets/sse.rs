//! Whatever stands in an envelope, a stream of events has exactly the fields that were meant: read by a parser that is not ours.
#![no_main]

use alk_pubsub_core::{Encoding, Event, Framing, Topic};
use arbitrary::Arbitrary;
use eventsource_stream::Eventsource;
use futures_util::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[allow(dead_code, reason = "its other frames have no parts from outside")]
#[path = "../../crates/alk-pubsub-sse/src/framing.rs"]
mod framing;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    topic: &'a str,
    /// What stands where the payload's JSON would.
    payload: &'a str,
    /// What stands where the envelope would.
    envelope: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    // Who may put anything on the wire: a publisher by way of Redis.
    if let Ok(event) = Event::from_encoded(Encoding::JSON, input.envelope.to_owned().into()) {
        is_one_event(&event, input.envelope, true);
    }
    let Ok(topic) = input.topic.parse::<Topic>() else { return };
    if let Ok(payload) = serde_json::from_str::<Value>(input.payload) {
        let event = Event::new(topic.clone(), payload);
        let envelope = event.encode(&Encoding::JSON).expect("JSON");
        is_one_event(&event, std::str::from_utf8(&envelope).expect("JSON is text"), true);
    }
    // What is no JSON at all, should it ever get here.
    let event = Event::from_parts(Encoding::JSON, input.envelope.to_owned().into(), topic, 0..0);
    is_one_event(&event, input.envelope, false);
});

fn is_one_event(event: &Event, envelope: &str, is_json: bool) {
    let mut out = Vec::new();
    framing::SseFraming.frame(event, envelope.as_bytes(), &mut out);
    framing::SseFraming.frame(event, envelope.as_bytes(), &mut out);
    let chunks = stream::iter([Ok::<_, std::convert::Infallible>(out)]);
    let events: Vec<_> = chunks.eventsource().collect().now_or_never().expect("all of it is there");
    assert_eq!(events.len(), 2, "as many events as were framed");
    for read in events {
        let read = read.expect("an event");
        assert_eq!(read.event, event.topic().event_type().as_str());
        assert_eq!((read.id.as_str(), read.retry), ("", None));
        if is_json {
            let (read, sent): (Value, Value) = (
                serde_json::from_str(&read.data).expect("JSON"),
                serde_json::from_str(envelope).expect("JSON"),
            );
            assert_eq!(read, sent);
        } else {
            assert_eq!(read.data, envelope.replace(['\n', '\r'], " "));
        }
    }
}
