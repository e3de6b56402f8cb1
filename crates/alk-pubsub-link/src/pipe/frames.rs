use alk_pubsub_core::{Encoding, Event, Framing};
use bytes::{Buf, Bytes};

use crate::frame::Wire;
use crate::hub::LinkFraming;

/// How many bytes a frame's length takes.
pub(super) const PREFIX: usize = 4;

/// Frames behind each other, each behind its length as 4 bytes big endian; an iterator over them that copies nothing.
///
/// Many frames in one piece of memory are what a hub writes to many spokes, and what a pipe writes in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames(Bytes);

impl Frames {
    /// Takes bytes in which frames stand behind their lengths.
    #[must_use]
    pub fn from_prefixed(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes with the lengths.
    #[must_use]
    pub fn into_prefixed(self) -> Bytes {
        self.0
    }

    /// How many bytes there are, lengths included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Iterator for Frames {
    type Item = Bytes;

    /// The next frame. What is cut off at the end is no frame.
    fn next(&mut self) -> Option<Bytes> {
        if self.0.remaining() < PREFIX {
            return None;
        }
        let len = usize::try_from(self.0.get_u32()).unwrap_or(usize::MAX);
        if len > self.0.len() {
            self.0.clear();
            return None;
        }
        Some(self.0.split_to(len))
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Frames {
    fn from_iter<I: IntoIterator<Item = T>>(frames: I) -> Self {
        let mut out = Vec::new();
        frames.into_iter().for_each(|frame| prefixed(frame.as_ref(), &mut out));
        Self(out.into())
    }
}

/// Appends a frame behind its length.
pub(crate) fn prefixed(frame: &[u8], out: &mut Vec<u8>) {
    match u32::try_from(frame.len()) {
        Ok(len) => {
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(frame);
        }
        Err(_) => tracing::error!(len = frame.len(), "a frame of more than 4 GiB is left out"),
    }
}

/// The framing of [`Frames`]: each frame behind its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthPrefixed(Wire);

impl LengthPrefixed {
    /// With frames of this encoding.
    #[must_use]
    pub fn new(wire: Wire) -> Self {
        Self(wire)
    }
}

impl Framing for LengthPrefixed {
    fn name(&self) -> &'static str {
        match self.0 {
            Wire::Json => "length-prefixed json",
            #[cfg(feature = "msgpack")]
            Wire::MsgPack => "length-prefixed msgpack",
        }
    }

    fn encoding(&self) -> &Encoding {
        self.0.encoding()
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        prefixed(envelope, out);
    }
}

impl LinkFraming for LengthPrefixed {
    fn wire(&self) -> Wire {
        self.0
    }

    fn wrap(&self, frame: &[u8], out: &mut Vec<u8>) {
        prefixed(frame, out);
    }
}
