use alk_pubsub_core::Encoding;
use serde::Serialize;

/// The encoding of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Wire {
    /// JSON text, the default.
    #[default]
    Json,
    /// MessagePack.
    #[cfg(feature = "msgpack")]
    MsgPack,
}

impl Wire {
    /// All there are in this build.
    pub const ALL: &[Self] = &[
        Wire::Json,
        #[cfg(feature = "msgpack")]
        Wire::MsgPack,
    ];

    /// The encoding of envelopes.
    #[must_use]
    pub fn encoding(self) -> &'static Encoding {
        const JSON: &Encoding = &Encoding::JSON;
        #[cfg(feature = "msgpack")]
        const MSGPACK: &Encoding = &Encoding::MSGPACK;
        match self {
            Wire::Json => JSON,
            #[cfg(feature = "msgpack")]
            Wire::MsgPack => MSGPACK,
        }
    }

    /// The WebSocket subprotocol that stands for it.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Wire::Json => "alk-pubsub.v1.json",
            #[cfg(feature = "msgpack")]
            Wire::MsgPack => "alk-pubsub.v1.msgpack",
        }
    }

    /// The encoding that a WebSocket subprotocol stands for.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        #[cfg(feature = "msgpack")]
        if name == Wire::MsgPack.subprotocol() {
            return Some(Wire::MsgPack);
        }
        (name == Wire::Json.subprotocol()).then_some(Wire::Json)
    }

    /// Whether frames are text.
    #[must_use]
    pub fn is_text(self) -> bool {
        self == Wire::Json
    }

    /// Whether an encoded value is an object. serde would take an array of the members for one too.
    pub(super) fn is_object(self, value: &[u8]) -> bool {
        match self {
            Wire::Json => value.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'),
            #[cfg(feature = "msgpack")]
            Wire::MsgPack => matches!(value.first(), Some(0x80..=0x8f | 0xde | 0xdf)),
        }
    }

    /// Writes a control frame: its members are strings, numbers, booleans and lists of strings, so it cannot fail.
    pub(super) fn write<T: Serialize>(self, value: &T) -> Vec<u8> {
        match self {
            Wire::Json => serde_json::to_vec(value).unwrap_or_default(),
            #[cfg(feature = "msgpack")]
            Wire::MsgPack => rmp_serde::to_vec_named(value).unwrap_or_default(),
        }
    }
}
