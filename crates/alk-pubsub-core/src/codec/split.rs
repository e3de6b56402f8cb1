use std::borrow::Cow;
use std::ops::Range;

/// The parts of an encoded envelope, payload and meta as the places where they stand.
///
/// Names are as they were found: not yet checked, and possibly those of a control message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<'a> {
    /// The event type.
    pub event_type: Cow<'a, str>,
    /// The id; empty where the envelope has none.
    pub id: Cow<'a, str>,
    /// Where the payload's encoding stands in the envelope. Empty where there is none, which reads as null.
    pub payload: Range<usize>,
    /// Where the encoding of what stands beside the payload is, an object. Empty where there is none.
    pub meta: Range<usize>,
}

/// Where that stands in an encoded envelope which is decoded only when somebody asks for it.
///
/// A lone range is that of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// See [`Split::payload`].
    pub payload: Range<usize>,
    /// See [`Split::meta`].
    pub meta: Range<usize>,
}

impl Split<'_> {
    /// The places, without the names.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts { payload: self.payload.clone(), meta: self.meta.clone() }
    }
}

impl From<Range<usize>> for Parts {
    fn from(payload: Range<usize>) -> Self {
        Self { payload, meta: 0..0 }
    }
}
