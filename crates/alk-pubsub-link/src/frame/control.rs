use alk_pubsub_core::Event;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::token::BearerToken;
use super::wire::Wire;

/// What a hub says first, the payload of `__welcome`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol: 1.
    pub protocol: u32,
    /// How often the hub pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// The largest frame that the hub takes, in bytes.
    pub max_frame_bytes: usize,
    /// How many topics a connection may have.
    pub max_topics: usize,
}

/// A control frame: a message between the two ends of a link, which never leaves it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Control {
    /// Hub to spoke, the first frame.
    Welcome {
        /// The connection's id.
        connection: String,
        /// What the spoke should know.
        welcome: Welcome,
    },
    /// Spoke to hub: asks for these interests.
    Subscribe {
        /// Repeated in the answer.
        reference: String,
        /// Interests, as written.
        topics: Vec<String>,
    },
    /// Hub to spoke: these are active now.
    Subscribed {
        /// That of the request.
        reference: String,
        /// Interests, as they were asked for.
        topics: Vec<String>,
    },
    /// Spoke to hub: these are not of interest any more.
    Unsubscribe {
        /// Repeated in the answer.
        reference: String,
        /// Interests, as written.
        topics: Vec<String>,
    },
    /// Hub to spoke: no event of these follows.
    Unsubscribed {
        /// That of the request.
        reference: String,
        /// Interests, as they were asked for.
        topics: Vec<String>,
    },
    /// Spoke to hub: publish, and say so.
    Publish {
        /// Repeated in the answer.
        reference: String,
        /// What to publish.
        event: Event,
    },
    /// Hub to spoke: it was published.
    Published {
        /// That of the request.
        reference: String,
        /// How many receive it, where that is known.
        receivers: Option<u64>,
    },
    /// Hub to spoke: one frame or topic was refused.
    Error {
        /// That of the request, or empty.
        reference: String,
        /// An [`ErrorCode`](crate::ErrorCode), or a code of a later version.
        code: String,
        /// What to do about it, for a person.
        message: String,
        /// The topic it is about, if it is about one.
        topic: Option<String>,
    },
    /// Hub to spoke: events for this connection are missing here.
    Gap {
        /// Why, see [`GapReason`](alk_pubsub_core::GapReason).
        reason: String,
        /// How many, where that is known.
        missed: Option<u64>,
    },
    /// Hub to spoke: the token that this connection came with ends soon, and the connection with it.
    Expiring {
        /// In how many milliseconds.
        in_ms: u64,
    },
    /// Spoke to hub: another token for this connection.
    Refresh {
        /// Repeated in the answer.
        reference: String,
        /// The token.
        token: BearerToken,
    },
    /// Hub to spoke: the new token counts from here on.
    Refreshed {
        /// That of the request.
        reference: String,
        /// In how many milliseconds it ends; `None` for one that does not.
        expires_in_ms: Option<u64>,
    },
    /// Hub to spoke: the last frame.
    Close {
        /// Why.
        reason: String,
        /// Whether to connect again.
        reconnect: bool,
        /// After how many milliseconds.
        retry_ms: Option<u64>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Topics<T> {
    pub(super) topics: Vec<T>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PublishedPayload {
    pub(super) receivers: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ErrorPayload {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GapPayload {
    pub(super) reason: String,
    #[serde(default)]
    pub(super) missed: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ExpiringPayload {
    pub(super) in_ms: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RefreshPayload<T> {
    pub(super) token: T,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RefreshedPayload {
    #[serde(default)]
    pub(super) expires_in_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClosePayload {
    #[serde(default)]
    pub(super) reason: String,
    /// A hub that does not say has not said that the spoke is to stay away.
    #[serde(default = "yes")]
    pub(super) reconnect: bool,
    #[serde(default)]
    pub(super) retry_ms: Option<u64>,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Envelope<'a, P> {
    #[serde(rename = "type")]
    event_type: &'static str,
    id: &'a str,
    payload: P,
}

impl Control {
    /// The type of the frame.
    #[must_use]
    pub fn frame_type(&self) -> &'static str {
        match self {
            Control::Welcome { .. } => "__welcome",
            Control::Subscribe { .. } => "__subscribe",
            Control::Subscribed { .. } => "__subscribed",
            Control::Unsubscribe { .. } => "__unsubscribe",
            Control::Unsubscribed { .. } => "__unsubscribed",
            Control::Publish { .. } => "__publish",
            Control::Published { .. } => "__published",
            Control::Error { .. } => "__error",
            Control::Gap { .. } => "__gap",
            Control::Expiring { .. } => "__expiring",
            Control::Refresh { .. } => "__refresh",
            Control::Refreshed { .. } => "__refreshed",
            Control::Close { .. } => "__close",
        }
    }

    /// The frame's bytes.
    ///
    /// # Errors
    ///
    /// Only for [`Control::Publish`], if the event cannot be encoded.
    pub fn encode(&self, wire: Wire) -> Result<Bytes, alk_pubsub_core::Error> {
        let event_type = self.frame_type();
        let bytes = match self {
            Control::Welcome { connection, welcome } => {
                wire.write(&Envelope { event_type, id: connection, payload: welcome })
            }
            Control::Subscribe { reference, topics }
            | Control::Subscribed { reference, topics }
            | Control::Unsubscribe { reference, topics }
            | Control::Unsubscribed { reference, topics } => {
                let topics = topics.iter().map(String::as_str).collect();
                wire.write(&Envelope { event_type, id: reference, payload: Topics::<&str> { topics } })
            }
            Control::Publish { reference, event } => return publish(wire, reference, event),
            Control::Published { reference, receivers } => {
                let payload = PublishedPayload { receivers: *receivers };
                wire.write(&Envelope { event_type, id: reference, payload })
            }
            Control::Error { reference, code, message, topic } => {
                let payload =
                    ErrorPayload { code: code.clone(), message: message.clone(), topic: topic.clone() };
                wire.write(&Envelope { event_type, id: reference, payload })
            }
            Control::Gap { reason, missed } => {
                let payload = GapPayload { reason: reason.clone(), missed: *missed };
                wire.write(&Envelope { event_type, id: "", payload })
            }
            Control::Expiring { in_ms } => {
                wire.write(&Envelope { event_type, id: "", payload: ExpiringPayload { in_ms: *in_ms } })
            }
            Control::Refresh { reference, token } => {
                let payload = RefreshPayload { token: token.as_str() };
                wire.write(&Envelope { event_type, id: reference, payload })
            }
            Control::Refreshed { reference, expires_in_ms } => {
                let payload = RefreshedPayload { expires_in_ms: *expires_in_ms };
                wire.write(&Envelope { event_type, id: reference, payload })
            }
            Control::Close { reason, reconnect, retry_ms } => {
                let payload =
                    ClosePayload { reason: reason.clone(), reconnect: *reconnect, retry_ms: *retry_ms };
                wire.write(&Envelope { event_type, id: "", payload })
            }
        };
        Ok(bytes.into())
    }
}

/// A publish holds a whole envelope, whose bytes are taken as they are.
fn publish(wire: Wire, reference: &str, event: &Event) -> Result<Bytes, alk_pubsub_core::Error> {
    let envelope = event.encode(wire.encoding())?;
    let mut out = Vec::with_capacity(envelope.len() + reference.len() + 64);
    match wire {
        Wire::Json => {
            out.extend_from_slice(b"{\"type\":\"__publish\",\"id\":");
            out.extend_from_slice(&wire.write(&reference));
            out.extend_from_slice(b",\"payload\":");
            out.extend_from_slice(&envelope);
            out.push(b'}');
        }
        #[cfg(feature = "msgpack")]
        Wire::MsgPack => {
            out.push(0x83); // a map of three
            for part in ["type", "__publish", "id", reference, "payload"] {
                out.extend_from_slice(&wire.write(&part));
            }
            out.extend_from_slice(&envelope);
        }
    }
    Ok(out.into())
}
