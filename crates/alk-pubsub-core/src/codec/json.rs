use std::borrow::Cow;
use std::ops::Range;

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
    encode_into(topic, payload, meta, &mut out)?;
    Ok(out.into())
}

/// As [`encode`], behind what is in `out` already.
pub(super) fn encode_into<P: Serialize + ?Sized>(
    topic: &Topic,
    payload: &P,
    meta: Option<&Meta>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    // The characters of a type need no escapes.
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(topic.event_type().as_str().as_bytes());
    out.extend_from_slice(b"\",\"id\":");
    serde_json::to_writer(&mut *out, topic.id()).map_err(encode_error)?;
    out.extend_from_slice(b",\"payload\":");
    serde_json::to_writer(&mut *out, payload).map_err(encode_error)?;
    if let Some(meta) = meta {
        out.extend_from_slice(b",\"meta\":");
        serde_json::to_writer(&mut *out, meta).map_err(encode_error)?;
    }
    out.push(b'}');
    Ok(())
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

/// The parts of an envelope as [`encode`] writes it: members in its order, no spaces, no escapes in the names. `None` of any
/// other, which may be an envelope all the same.
///
/// Nearly all that arrive are such, and need no look at each member for which one it is.
pub(super) fn split_as_encoded(text: &str) -> Option<Split<'_>> {
    let (event_type, rest) = plain_string(text.strip_prefix("{\"type\":")?)?;
    let (id, rest) = plain_string(rest.strip_prefix(",\"id\":")?)?;
    let (payload, rest) = value(text, rest.strip_prefix(",\"payload\":")?)?;
    let (meta, rest) = match rest.strip_prefix(",\"meta\":") {
        Some(rest) => value(text, rest)?,
        None => (0..0, rest),
    };
    (rest == "}").then(|| Split { event_type: event_type.into(), id: id.into(), payload, meta })
}

/// A string without escapes at the beginning of a text, and what follows it.
fn plain_string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some((&text[..end], text[end..].strip_prefix('"')?))
}

/// Where in the whole text the value stands that the rest begins with, empty for a null, and what follows it.
fn value<'a>(text: &str, rest: &'a str) -> Option<(Range<usize>, &'a str)> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    let value = values.next()?.ok()?.get();
    let end = values.byte_offset();
    let until = text.len() - rest.len() + end;
    let place = if value == "null" { 0..0 } else { until - value.len()..until };
    Some((place, &rest[end..]))
}

pub(super) fn split(envelope: &[u8]) -> Result<Split<'_>, Error> {
    // The bytes go out again as they are, also as a WebSocket's text: all of them, what is ignored here included.
    let text = std::str::from_utf8(envelope)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "the bytes are not UTF-8", error))?;
    match split_as_encoded(text) {
        Some(split) => Ok(split),
        None => split_any(text),
    }
}

/// The parts of any envelope.
pub(super) fn split_any(text: &str) -> Result<Split<'_>, Error> {
    // serde would take an array for a struct too.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Error::new(ErrorKind::Decode, "an envelope is a JSON object"));
    }
    let members: Members<'_> = serde_json::from_str(text)
        .map_err(|error| Error::with_source(ErrorKind::Decode, "the bytes are no JSON envelope", error))?;
    // `Option<&RawValue>` reads a null as none, which is what a missing member means.
    let place = |member: Option<&RawValue>| {
        member.map_or(0..0, |member| {
            let start = member.get().as_ptr() as usize - text.as_ptr() as usize;
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
