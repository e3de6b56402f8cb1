//! MessagePack envelopes: a map with the members `type`, `id`, `payload` and, where there is one, `meta`.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::split::Split;
use crate::error::{Error, ErrorKind};
use crate::meta::Meta;
use crate::name::Topic;

/// How deep arrays and maps may be nested; what serde_json allows too.
const MAX_DEPTH: usize = 128;

pub(super) fn encode<P: Serialize + ?Sized>(
    topic: &Topic,
    payload: &P,
    meta: Option<&Meta>,
) -> Result<Bytes, Error> {
    #[derive(Serialize)]
    struct Envelope<'a, P: ?Sized> {
        #[serde(rename = "type")]
        event_type: &'a str,
        id: &'a str,
        payload: &'a P,
        #[serde(skip_serializing_if = "Option::is_none")]
        meta: Option<&'a Meta>,
    }
    let envelope = Envelope { event_type: topic.event_type().as_str(), id: topic.id(), payload, meta };
    rmp_serde::to_vec_named(&envelope).map(Bytes::from).map_err(|error| {
        Error::with_source(ErrorKind::Encode, "the payload cannot be written as MessagePack", error)
    })
}

pub(super) fn decode<P: DeserializeOwned>(payload: &[u8]) -> Result<P, Error> {
    let payload = if payload.is_empty() { &[0xc0] } else { payload };
    rmp_serde::from_slice(payload).map_err(|error| {
        Error::with_source(ErrorKind::Decode, "the payload is not of the expected type", error)
    })
}

pub(super) fn split(envelope: &[u8]) -> Result<Split<'_>, Error> {
    let mut reader = Reader { bytes: envelope, at: 0 };
    let (mut event_type, mut id, mut payload, mut meta) = (None, None, None, None);
    for _ in 0..reader.map_len()? {
        match reader.text()? {
            "type" if event_type.is_none() => event_type = Some(reader.text()?),
            "id" if id.is_none() => id = Some(reader.text()?),
            "payload" if payload.is_none() => payload = Some(reader.skip()?),
            "meta" if meta.is_none() => meta = Some(reader.skip()?),
            "type" | "id" | "payload" | "meta" => return Err(bad("a member stands twice")),
            _ => {
                reader.skip()?;
            }
        }
    }
    if reader.at != envelope.len() {
        return Err(bad("something follows the envelope"));
    }
    let event_type = event_type.ok_or_else(|| bad("there is no `type`"))?;
    Ok(Split {
        event_type: Cow::Borrowed(event_type),
        id: Cow::Borrowed(id.unwrap_or_default()),
        payload: payload.unwrap_or(0..0),
        meta: meta.unwrap_or(0..0),
    })
}

fn bad(what: &'static str) -> Error {
    Error::with_source(ErrorKind::Decode, "the bytes are no MessagePack envelope", what)
}

/// Walks over values by their markers, see <https://github.com/msgpack/msgpack/blob/master/spec.md>.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| bad("it ends too early"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.take(1).map(|taken| taken[0])
    }

    /// An unsigned number of so many bytes, big endian.
    fn number(&mut self, width: usize) -> Result<usize, Error> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn map_len(&mut self) -> Result<usize, Error> {
        match self.byte()? {
            marker @ 0x80..=0x8f => Ok(usize::from(marker & 0x0f)),
            0xde => self.number(2),
            0xdf => self.number(4),
            _ => Err(bad("it is no map")),
        }
    }

    fn text(&mut self) -> Result<&'a str, Error> {
        let len = match self.byte()? {
            marker @ 0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 => self.number(1)?,
            0xda => self.number(2)?,
            0xdb => self.number(4)?,
            _ => return Err(bad("`type`, `id` and the names of members are strings")),
        };
        std::str::from_utf8(self.take(len)?).map_err(|_| bad("a string is not UTF-8"))
    }

    /// Passes over one value with everything in it; returns where it stands.
    fn skip(&mut self) -> Result<Range<usize>, Error> {
        let start = self.at;
        // What is still to be passed over on each level.
        let mut levels = vec![1usize];
        while let Some(left) = levels.last_mut() {
            if *left == 0 {
                levels.pop();
                continue;
            }
            *left -= 1;
            let inside = match self.byte()? {
                0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 0,
                marker @ 0x80..=0x8f => 2 * usize::from(marker & 0x0f),
                marker @ 0x90..=0x9f => usize::from(marker & 0x0f),
                marker @ 0xa0..=0xbf => self.pass(usize::from(marker & 0x1f))?,
                marker @ 0xc4..=0xc6 => self.pass_counted(1 << (marker - 0xc4), 0)?,
                marker @ 0xc7..=0xc9 => self.pass_counted(1 << (marker - 0xc7), 1)?,
                0xca | 0xce | 0xd2 => self.pass(4)?,
                0xcb | 0xcf | 0xd3 => self.pass(8)?,
                0xcc | 0xd0 => self.pass(1)?,
                0xcd | 0xd1 => self.pass(2)?,
                marker @ 0xd4..=0xd8 => self.pass(1 + (1 << (marker - 0xd4)))?,
                marker @ 0xd9..=0xdb => self.pass_counted(1 << (marker - 0xd9), 0)?,
                0xdc => self.number(2)?,
                0xdd => self.number(4)?,
                0xde => 2 * self.number(2)?,
                0xdf => self.number(4)?.saturating_mul(2),
                0xc1 => return Err(bad("the marker c1 is never used")),
            };
            if inside > 0 {
                if levels.len() == MAX_DEPTH {
                    return Err(bad("it is nested too deeply"));
                }
                levels.push(inside);
            }
        }
        Ok(start..self.at)
    }

    /// Passes over bytes that contain no further value.
    fn pass(&mut self, len: usize) -> Result<usize, Error> {
        self.take(len).map(|_| 0)
    }

    fn pass_counted(&mut self, width: usize, and: usize) -> Result<usize, Error> {
        let len = self.number(width)?;
        self.pass(len + and)
    }
}
