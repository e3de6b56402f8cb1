use memchr::memmem;

/// The type of all events; the id is the run's own.
pub(super) const EVENT_TYPE: &str = "bench.tick";

/// What a payload begins with, in the envelope.
const MARK: &[u8] = br#""payload":{"n":"#;

/// Writes events and reads them again.
#[derive(Debug)]
pub(super) struct Events {
    id: String,
    payload_bytes: usize,
    mark: memmem::Finder<'static>,
}

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) sequence: u64,
    /// In microseconds since the run began.
    pub(super) sent: u64,
}

impl Events {
    pub(super) fn new(id: String, payload_bytes: usize) -> Self {
        Self { id, payload_bytes, mark: memmem::Finder::new(MARK) }
    }

    pub(super) fn topic(&self) -> String {
        format!("{EVENT_TYPE}:{}", self.id)
    }

    /// An envelope whose payload has the size that was asked for.
    pub(super) fn write(&self, Stamp { sequence, sent }: Stamp) -> String {
        let mut text = format!(
            r#"{{"type":"{EVENT_TYPE}","id":"{}","payload":{{"n":{sequence},"t":{sent},"pad":""#,
            self.id
        );
        let begun = text.len() - text.find(r#"{"n":"#).unwrap_or_default();
        text.extend(std::iter::repeat_n('x', self.payload_bytes.saturating_sub(begun + 2)));
        text.push_str("\"}}");
        text
    }

    /// `None` if it is something else.
    pub(super) fn read(&self, envelope: &[u8]) -> Option<Stamp> {
        let numbers = self.mark.find(envelope)? + MARK.len();
        let (sequence, rest) = number(&envelope[numbers..])?;
        let (sent, _) = number(rest.strip_prefix(br#","t":"#)?)?;
        Some(Stamp { sequence, sent })
    }
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits =
        text.iter().position(|digit| !digit.is_ascii_digit()).filter(|&count| (1..=18).contains(&count))?;
    let number = text[..digits].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some((number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::{Events, Stamp};

    #[test]
    fn what_is_written_is_read_and_is_as_large_as_was_asked_for() {
        let events = Events::new("run".to_owned(), 150);
        for stamp in [Stamp { sequence: 0, sent: 0 }, Stamp { sequence: 1_234_567, sent: 99_999_999_999 }] {
            let text = events.write(stamp);
            assert_eq!(events.read(text.as_bytes()), Some(stamp));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["payload"].to_string().len(), 150, "{text}");
            assert_eq!((&value["type"], &value["id"]), (&"bench.tick".into(), &"run".into()));
        }
    }

    #[test]
    fn what_is_no_event_is_none() {
        let events = Events::new("run".to_owned(), 150);
        for text in [
            "",
            r#"{"type":"__gap","id":"","payload":{"reason":"slow_consumer","missed":3}}"#,
            r#"{"payload":{"n":1}}"#,
            r#"{"payload":{"n":,"t":2}}"#,
            r#"{"payload":{"n":1,"t":2"#,
            r#"{"payload":{"n":11111111111111111111,"t":2}}"#,
        ] {
            assert_eq!(events.read(text.as_bytes()), None, "{text}");
        }
    }
}
