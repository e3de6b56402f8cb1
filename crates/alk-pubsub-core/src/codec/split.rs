use std::borrow::Cow;
use std::ops::Range;

/// The parts of an encoded envelope, the payload as the place where it stands.
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
}
