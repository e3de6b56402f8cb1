use std::time::SystemTime;

use serde::{Deserialize, Serialize};

const TEXT: usize = 110;

/// The payload; with what stands around it about 200 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Zero for those that are sent until everybody listens.
    pub(super) number: u64,
    /// In microseconds, by the machine's clock.
    made: u64,
    pub(super) text: String,
}

impl Note {
    pub(super) fn new(number: u64) -> Self {
        Self { number, made: now(), text: "x".repeat(TEXT) }
    }

    /// How long ago it was made, in microseconds.
    pub(super) fn age(&self) -> u64 {
        now().saturating_sub(self.made)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.text.len() == TEXT
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use super::{Envelope, Note};

    #[test]
    fn an_envelope_has_about_200_bytes() {
        let length = serde_json::to_vec(&Envelope::new(Note::new(100_000))).expect("JSON").len();
        assert!((195..=205).contains(&length), "{length}");
    }
}
