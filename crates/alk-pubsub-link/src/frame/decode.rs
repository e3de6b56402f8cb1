use alk_pubsub_core::{Error, ErrorKind, Event, EventType, MAX_ID_BYTES, MAX_TYPE_BYTES, Topic};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::control::{
    ClosePayload, Control, ErrorPayload, ExpiringPayload, GapPayload, PublishedPayload, RefreshPayload,
    RefreshedPayload, Topics, Welcome,
};
use super::token::BearerToken;
use super::wire::Wire;
use crate::code::ErrorCode;

/// The longest reference, in bytes. It is repeated in answers, perhaps in many.
const MAX_REFERENCE: usize = 256;

/// What only a hub may send.
const NOT_FOR_HUBS: [&str; 9] = [
    "__welcome",
    "__subscribed",
    "__unsubscribed",
    "__published",
    "__error",
    "__gap",
    "__expiring",
    "__refreshed",
    "__close",
];

/// A frame that was received.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "frames are handled one at a time and not kept")]
pub enum Frame {
    /// An event.
    Event(Event),
    /// A message to this end of the link.
    Control(Control),
}

/// Why a frame is refused, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The frame's reference, where it has one.
    pub reference: String,
    /// The code.
    pub code: ErrorCode,
    /// What is wrong, for a person.
    pub message: String,
    /// The topic it is about.
    pub topic: Option<String>,
}

impl Frame {
    /// Reads a frame. An event's bytes are copied, so that it does not keep a larger buffer.
    ///
    /// # Errors
    ///
    /// What to answer to a frame that is none.
    pub fn decode(wire: Wire, frame: &[u8]) -> Result<Self, Refusal> {
        Self::decode_if(wire, frame, &mut None, |_| true)
    }

    /// As [`decode`](Self::decode), of one frame after the other: events of one topic often follow each other, and the
    /// names of `last`, the topic of the event before, are not looked at again.
    pub(crate) fn decode_next(wire: Wire, frame: &[u8], last: &mut Option<Topic>) -> Result<Self, Refusal> {
        Self::decode_if(wire, frame, last, |_| true)
    }

    /// As [`decode`](Self::decode), of a frame that a spoke has sent: what only a hub may send is refused, and its payload
    /// is not looked at.
    ///
    /// # Errors
    ///
    /// What to answer to a frame that is none, or not for a hub.
    pub fn decode_from_spoke(wire: Wire, frame: &[u8]) -> Result<Self, Refusal> {
        Self::decode_if(wire, frame, &mut None, |control_type| !NOT_FOR_HUBS.contains(&control_type))
    }

    fn decode_if(
        wire: Wire,
        frame: &[u8],
        last: &mut Option<Topic>,
        accepts: impl Fn(&str) -> bool,
    ) -> Result<Self, Refusal> {
        let split = wire.encoding().split(frame).map_err(|error| refusal("", ErrorCode::BadFrame, &error))?;
        if !split.event_type.starts_with("__") {
            let parts = split.parts();
            let is_it =
                |last: &&Topic| last.id() == split.id && last.event_type().as_str() == split.event_type;
            let topic = match last.as_ref().filter(is_it) {
                Some(last) => last.clone(),
                None => last.insert(topic(&split.event_type, &split.id, "")?).clone(),
            };
            let bytes = Bytes::copy_from_slice(frame);
            return Ok(Frame::Event(Event::from_parts(wire.encoding().clone(), bytes, topic, parts)));
        }
        if split.id.len() > MAX_REFERENCE {
            let error = Error::new(ErrorKind::Decode, "the reference is longer than 256 bytes");
            return Err(refusal("", ErrorCode::BadFrame, &error));
        }
        let reference = split.id.into_owned();
        if !accepts(&split.event_type) {
            return Err(Refusal {
                code: ErrorCode::ReservedType,
                message: format!("`{}` is not for a hub", split.event_type),
                topic: None,
                reference,
            });
        }
        let payload = Payload { wire, bytes: &frame[split.payload], reference: &reference };
        let control = match &*split.event_type {
            "__welcome" => {
                let welcome: Welcome = payload.read()?;
                Control::Welcome { connection: reference, welcome }
            }
            "__subscribe" => {
                let Topics { topics } = payload.read()?;
                Control::Subscribe { reference, topics }
            }
            "__subscribed" => {
                let Topics { topics } = payload.read()?;
                Control::Subscribed { reference, topics }
            }
            "__unsubscribe" => {
                let Topics { topics } = payload.read()?;
                Control::Unsubscribe { reference, topics }
            }
            "__unsubscribed" => {
                let Topics { topics } = payload.read()?;
                Control::Unsubscribed { reference, topics }
            }
            "__publish" => {
                let event = payload.event()?;
                Control::Publish { reference, event }
            }
            "__published" => {
                let PublishedPayload { receivers } = payload.read()?;
                Control::Published { reference, receivers }
            }
            "__error" => {
                let ErrorPayload { code, message, topic } = payload.read()?;
                Control::Error { reference, code, message, topic }
            }
            "__gap" => {
                let GapPayload { reason, missed } = payload.read()?;
                Control::Gap { reason, missed }
            }
            "__expiring" => {
                let ExpiringPayload { in_ms } = payload.read()?;
                Control::Expiring { in_ms }
            }
            "__refresh" => {
                let RefreshPayload { token } = payload.read::<RefreshPayload<String>>()?;
                Control::Refresh { reference, token: BearerToken::new(token) }
            }
            "__refreshed" => {
                let RefreshedPayload { expires_in_ms } = payload.read()?;
                Control::Refreshed { reference, expires_in_ms }
            }
            "__close" => {
                let ClosePayload { reason, reconnect, retry_ms } = payload.read()?;
                Control::Close { reason, reconnect, retry_ms }
            }
            unknown => {
                return Err(Refusal {
                    code: ErrorCode::ReservedType,
                    message: format!("there is no control type `{}`", short(unknown)),
                    topic: None,
                    reference,
                });
            }
        };
        Ok(Frame::Control(control))
    }
}

struct Payload<'a> {
    wire: Wire,
    bytes: &'a [u8],
    reference: &'a str,
}

impl Payload<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        if !self.wire.is_object(self.bytes) {
            let error = Error::new(ErrorKind::Decode, "the payload of a control frame is an object");
            return Err(refusal(self.reference, ErrorCode::BadFrame, &error));
        }
        self.wire
            .encoding()
            .decode(self.bytes)
            .map_err(|error| refusal(self.reference, ErrorCode::BadFrame, &error))
    }

    fn event(&self) -> Result<Event, Refusal> {
        let encoding = self.wire.encoding();
        let split = encoding
            .split(self.bytes)
            .map_err(|error| refusal(self.reference, ErrorCode::BadFrame, &error))?;
        let topic = topic(&split.event_type, &split.id, self.reference)?;
        Ok(Event::from_parts(encoding.clone(), Bytes::copy_from_slice(self.bytes), topic, split.parts()))
    }
}

fn topic(event_type: &str, id: &str, reference: &str) -> Result<Topic, Refusal> {
    EventType::new(event_type).and_then(|event_type| Topic::new(event_type, id)).map_err(|error| {
        let error = Error::from(error);
        let mut refusal = refusal(reference, ErrorCode::from(&error), &error);
        refusal.topic = Some(short(&format!("{event_type}:{id}")));
        refusal
    })
}

fn refusal(reference: &str, code: ErrorCode, error: &Error) -> Refusal {
    let message = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Refusal { reference: reference.to_owned(), code, message, topic: None }
}

/// What came from outside is repeated in answers only so far. Every interest that is one is short enough.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = MAX_TYPE_BYTES + 1 + MAX_ID_BYTES;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
