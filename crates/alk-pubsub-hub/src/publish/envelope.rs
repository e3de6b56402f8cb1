//! What is typed or piped in, as events.

use alk_pubsub::{Encoding, Event, Topic};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::described;

/// How a line or a payload is understood.
#[derive(Debug, Clone)]
pub(super) enum Format {
    /// A JSON value, published on this topic.
    Json(Topic),
    /// Text, published as a string on this topic.
    Text(Topic),
    /// An envelope.
    Envelope,
}

impl Format {
    /// Whether there is nothing in this line that is to be published.
    pub(super) fn is_nothing(&self, line: &[u8]) -> bool {
        !matches!(self, Self::Text(_)) && line.trim_ascii().is_empty()
    }

    /// The event; or why it is none. What was given goes out as it stands.
    pub(super) fn event(&self, given: &[u8]) -> Result<Event, String> {
        match self {
            Self::Json(topic) => match check(given) {
                Ok(()) => wrap(topic, given.trim_ascii()),
                Err(error) => {
                    Err(format!("it is not JSON: {error}; with --text it is published as a string"))
                }
            },
            Self::Text(topic) => {
                let text = std::str::from_utf8(given).map_err(|error| format!("it is not UTF-8: {error}"))?;
                wrap(topic, &serde_json::to_vec(text).map_err(|error| error.to_string())?)
            }
            Self::Envelope => {
                let bytes = Bytes::copy_from_slice(given.trim_ascii());
                Event::from_encoded(Encoding::JSON, bytes).map_err(|error| described(&error))
            }
        }
    }
}

fn check(given: &[u8]) -> Result<(), serde_json::Error> {
    // Skipping strings does not look at their encoding.
    if let Err(error) = std::str::from_utf8(given) {
        return Err(serde::de::Error::custom(error));
    }
    let mut json = serde_json::Deserializer::from_slice(given);
    IgnoredAny::deserialize(&mut json)?;
    json.end()
}

fn wrap(topic: &Topic, payload: &[u8]) -> Result<Event, String> {
    let id = serde_json::to_vec(topic.id()).map_err(|error| error.to_string())?;
    // The characters of a type need no escapes.
    let head: [&[u8]; 5] =
        [b"{\"type\":\"", topic.event_type().as_str().as_bytes(), b"\",\"id\":", &id, b",\"payload\":"];
    let start = head.iter().map(|part| part.len()).sum::<usize>();
    let mut envelope = Vec::with_capacity(start + payload.len() + 1);
    for part in head {
        envelope.extend_from_slice(part);
    }
    envelope.extend_from_slice(payload);
    envelope.push(b'}');
    Ok(Event::from_parts(Encoding::JSON, envelope.into(), topic.clone(), start..start + payload.len()))
}

#[cfg(test)]
mod tests {
    use alk_pubsub::Encoding;

    use super::Format;

    fn envelope(format: &Format, given: &str) -> Result<String, String> {
        let event = format.event(given.as_bytes())?;
        let decoded = event.decode::<serde_json::Value>().unwrap();
        let bytes = event.encode(&Encoding::JSON).unwrap();
        let all: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&all["payload"], &all["id"]), (decoded.payload(), &decoded.id().into()));
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn payloads_go_out_as_they_stand() {
        let json = Format::Json("a:b\"c".parse().unwrap());
        assert_eq!(envelope(&json, " 1.50 ").unwrap(), r#"{"type":"a","id":"b\"c","payload":1.50}"#);
        assert_eq!(
            envelope(&json, r#"{"b":1,"a":[ 2 ]}"#).unwrap(),
            r#"{"type":"a","id":"b\"c","payload":{"b":1,"a":[ 2 ]}}"#
        );
        let text = Format::Text("a:".parse().unwrap());
        assert_eq!(envelope(&text, " \"x\"\t").unwrap(), r#"{"type":"a","id":"","payload":" \"x\"\t"}"#);
        let given = r#"{"payload":1,"type":"t","id":"i","more":[]}"#;
        assert_eq!(envelope(&Format::Envelope, given).unwrap(), given);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let json = Format::Json("a:b".parse().unwrap());
        for given in ["", "x", "1 2", "{", "\"\u{1}\"", "'a'", "1}, {"] {
            assert!(json.event(given.as_bytes()).unwrap_err().contains("--text"), "{given}");
        }
        assert!(json.event(b"\"\xff\"").is_err());
        assert!(Format::Text("a:b".parse().unwrap()).event(b"\xff").unwrap_err().contains("UTF-8"));
        for given in ["1", "[]", "{}", r#"{"type":1}"#, r#"{"type":"__gap"}"#, r#"{"type":"a b"}"#] {
            Format::Envelope.event(given.as_bytes()).unwrap_err();
        }
    }

    #[test]
    fn empty_lines_are_nothing_but_in_text() {
        let topic: alk_pubsub::Topic = "a:b".parse().unwrap();
        assert!(Format::Json(topic.clone()).is_nothing(b" \t") && Format::Envelope.is_nothing(b""));
        assert!(!Format::Text(topic).is_nothing(b""));
    }
}
