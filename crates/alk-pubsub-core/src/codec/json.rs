use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::split::Split;
use crate::error::{Error, ErrorKind};
use crate::meta::Meta;
use crate::name::Topic;

pub(super) fn encode<P: Serialize + ?Sized>(
    topic: &Topic,
    payload: &P,
    meta: Option<&Meta>,
) -> Result<Bytes, Error> {
    let mut out = Vec::with_capacity(128);
    // The characters of a type need no escapes.
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(topic.event_type().as_str().as_bytes());
    out.extend_from_slice(b"\",\"id\":");
    serde_json::to_writer(&mut out, topic.id()).map_err(encode_error)?;
    out.extend_from_slice(b",\"payload\":");
    serde_json::to_writer(&mut out, payload).map_err(encode_error)?;
    if let Some(meta) = meta {
        out.extend_from_slice(b",\"meta\":");
        serde_json::to_writer(&mut out, meta).map_err(encode_error)?;
    }
    out.push(b'}');
    Ok(out.into())
}

/// Members are looked at as raw text first: `type` and `id` must be strings, and only then are they unescaped.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
}

pub(super) fn split(envelope: &[u8]) -> Result<Split<'_>, Error> {
    // The bytes go out again as they are, also as a WebSocket's text: all of them, what is ignored here included.
    let text = std::str::from_utf8(envelope)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "the bytes are not UTF-8", error))?;
    // serde would take an array for a struct too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Error::new(ErrorKind::Decode, "an envelope is a JSON object"));
    }
    let members: Members<'_> = serde_json::from_str(text)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "the bytes are no JSON envelope", error))?;
    // `Option<&RawValue>` reads a null as none, which is what a missing member means.
    let place = |member: Option<&RawValue>| {
        member.map_or(0..0, |member| {
            let start = member.get().as_ptr() as usize - envelope.as_ptr() as usize;
            start..start + member.get().len()
        })
    };
    let (payload, meta) = (place(members.payload), place(members.meta));
    Ok(Split { event_type: members.event_type, id: members.id, payload, meta })
}

pub(super) fn decode<P: DeserializeOwned>(payload: &[u8]) -> Result<P, Error> {
    let payload = if payload.is_empty() { b"null" } else { payload };
    serde_json::from_slice(payload).map_err(|error| {
        Error::with_source(ErrorKind::Decode, "the payload is not of the expected type", error)
    })
}

fn encode_error(error: serde_json::Error) -> Error {
    Error::with_source(ErrorKind::Encode, "the payload cannot be written as JSON", error)
}
