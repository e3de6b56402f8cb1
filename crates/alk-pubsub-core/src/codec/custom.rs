use std::fmt;

use bytes::Bytes;

use super::split::Split;
use crate::error::Error;
use crate::meta::Meta;
use crate::name::Topic;

/// An encoding of your own for envelopes, used through [`Encoding::custom`](super::Encoding::custom).
///
/// Two targets that exchange events must use the same one. Envelopes have three members, `type`, `id` and `payload`,
/// and may have a fourth, `meta`; what else is found is ignored, a missing payload reads as null.
///
/// Errors are of kind [`Encode`](crate::ErrorKind::Encode) or [`Decode`](crate::ErrorKind::Decode).
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// A name, unique in the process: encoded envelopes are cached under it.
    fn name(&self) -> &'static str;

    /// Encodes an envelope.
    ///
    /// # Errors
    ///
    /// The payload cannot be encoded.
    fn encode(&self, topic: &Topic, payload: &dyn erased_serde::Serialize) -> Result<Bytes, Error>;

    /// Encodes an envelope that has something beside its payload. The provided method leaves that out.
    ///
    /// # Errors
    ///
    /// The payload cannot be encoded.
    fn encode_with_meta(
        &self,
        topic: &Topic,
        payload: &dyn erased_serde::Serialize,
        meta: &Meta,
    ) -> Result<Bytes, Error> {
        let _ = meta;
        self.encode(topic, payload)
    }

    /// Finds the parts of an envelope without decoding the payload.
    ///
    /// # Errors
    ///
    /// The bytes are no envelope.
    fn split<'a>(&self, envelope: &'a [u8]) -> Result<Split<'a>, Error>;

    /// Decodes a payload: makes a deserializer for the bytes and calls `read` with it, once.
    ///
    /// An empty `payload` stands for an envelope without one and reads as null.
    ///
    /// # Errors
    ///
    /// What `read` returned, as an error of kind [`Decode`](crate::ErrorKind::Decode).
    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
    ) -> Result<(), Error>;
}
