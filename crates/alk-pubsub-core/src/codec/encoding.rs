use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::custom::Codec;
use super::json;
#[cfg(feature = "msgpack")]
use super::msgpack;
use super::split::Split;
use crate::error::{Error, ErrorKind};
use crate::meta::Meta;
use crate::name::Topic;

/// How envelopes are written as bytes.
///
/// The default is JSON, [`Encoding::JSON`].
#[derive(Clone, Default)]
pub struct Encoding(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Json,
    #[cfg(feature = "msgpack")]
    MsgPack,
    Custom(Arc<dyn Codec>),
}

impl Encoding {
    /// `{"type":…,"id":…,"payload":…}` as JSON text.
    pub const JSON: Self = Self(Kind::Json);

    /// The same members as a MessagePack map, structs as maps by field name.
    #[cfg(feature = "msgpack")]
    pub const MSGPACK: Self = Self(Kind::MsgPack);

    /// An encoding of your own.
    pub fn custom(codec: impl Codec) -> Self {
        Self(Kind::Custom(Arc::new(codec)))
    }

    /// Its name: `json`, `msgpack`, or the codec's own.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Json => "json",
            #[cfg(feature = "msgpack")]
            Kind::MsgPack => "msgpack",
            Kind::Custom(codec) => codec.name(),
        }
    }

    /// Whether this is [`Encoding::JSON`].
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.0, Kind::Json)
    }

    /// Encodes an envelope.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Encode`]: the payload has something that the encoding cannot express.
    pub fn encode<P: Serialize>(&self, topic: &Topic, payload: &P) -> Result<Bytes, Error> {
        self.encode_with(topic, payload, None)
    }

    pub(crate) fn encode_with<P: Serialize>(
        &self,
        topic: &Topic,
        payload: &P,
        meta: Option<&Meta>,
    ) -> Result<Bytes, Error> {
        match (&self.0, meta) {
            (Kind::Json, meta) => json::encode(topic, payload, meta),
            #[cfg(feature = "msgpack")]
            (Kind::MsgPack, meta) => msgpack::encode(topic, payload, meta),
            (Kind::Custom(codec), None) => codec.encode(topic, payload),
            (Kind::Custom(codec), Some(meta)) => codec.encode_with_meta(topic, payload, meta),
        }
    }

    /// As [`encode_with`](Self::encode_with), appended to `out`. What is there after an error is of no use.
    pub(crate) fn encode_into<P: Serialize>(
        &self,
        topic: &Topic,
        payload: &P,
        meta: Option<&Meta>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.is_json() {
            return json::encode_into(topic, payload, meta, out);
        }
        out.extend_from_slice(&self.encode_with(topic, payload, meta)?);
        Ok(())
    }

    /// Finds the parts of an envelope without decoding its payload.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`]: the bytes are no envelope.
    pub fn split<'a>(&self, envelope: &'a [u8]) -> Result<Split<'a>, Error> {
        match &self.0 {
            Kind::Json => json::split(envelope),
            #[cfg(feature = "msgpack")]
            Kind::MsgPack => msgpack::split(envelope),
            Kind::Custom(codec) => codec.split(envelope),
        }
    }

    /// Decodes a payload that [`split`](Self::split) found. Empty bytes read as null.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`]: it is not a `P`.
    pub fn decode<P: DeserializeOwned>(&self, payload: &[u8]) -> Result<P, Error> {
        match &self.0 {
            Kind::Json => json::decode(payload),
            #[cfg(feature = "msgpack")]
            Kind::MsgPack => msgpack::decode(payload),
            Kind::Custom(codec) => {
                let mut result = None;
                codec.decode(payload, &mut |deserializer| {
                    result = Some(erased_serde::deserialize(deserializer)?);
                    Ok(())
                })?;
                result.ok_or_else(|| Error::new(ErrorKind::Decode, "the codec did not read the payload"))
            }
        }
    }

    /// Writes an envelope in this encoding whose payload stands encoded in another one.
    pub(crate) fn transcode(
        &self,
        topic: &Topic,
        payload: &[u8],
        meta: Option<&Meta>,
        from: &Encoding,
    ) -> Result<Bytes, Error> {
        // What both encodings have in common is serde's data model, and a JSON value holds most of it.
        let value: serde_json::Value = from.decode(payload)?;
        self.encode_with(topic, &value, meta)
    }
}

impl PartialEq for Encoding {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Encoding {}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoding({})", self.name())
    }
}
