use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

/// The place in a trace from which an event was published, as a `traceparent` of W3C Trace Context, level 1
/// (<https://www.w3.org/TR/trace-context-1/#traceparent-header>).
///
/// Written as version 00. Read strictly as that recommendation says: digits in lower case, no field zero, a version 00 of
/// exactly 55 characters, no version ff; of a later version what version 00 has too. The flags that level 1 leaves
/// undefined are not kept.
///
/// ```
/// use alk_pubsub_core::Traceparent;
///
/// let parent: Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// assert_eq!(parent.parent_id().get(), 0xb7ad6b7169203331);
/// assert!(parent.is_sampled());
/// assert!("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01".parse::<Traceparent>().is_err());
/// # Ok::<(), alk_pubsub_core::NoTraceparent>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    trace_id: NonZeroU128,
    parent_id: NonZeroU64,
    sampled: bool,
}

/// The length of version 00: version, trace id, parent id and flags with a dash between each.
const LEN: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;
const SAMPLED: u8 = 1;

/// The text is no valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTraceparent;

impl Traceparent {
    /// Of these parts.
    #[must_use]
    pub fn new(trace_id: NonZeroU128, parent_id: NonZeroU64, sampled: bool) -> Self {
        Self { trace_id, parent_id, sampled }
    }

    /// What all spans of the trace have in common.
    #[must_use]
    pub fn trace_id(&self) -> NonZeroU128 {
        self.trace_id
    }

    /// The span that published.
    #[must_use]
    pub fn parent_id(&self) -> NonZeroU64 {
        self.parent_id
    }

    /// Whether the caller may have recorded the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }
}

impl FromStr for Traceparent {
    type Err = NoTraceparent;

    fn from_str(text: &str) -> Result<Self, NoTraceparent> {
        let (fields, rest) = text.as_bytes().split_at_checked(LEN).ok_or(NoTraceparent)?;
        if [fields[2], fields[35], fields[52]] != *b"---" {
            return Err(NoTraceparent);
        }
        let version = hex(&fields[..2])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            // What later versions add stands behind another dash.
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        if !ends_well {
            return Err(NoTraceparent);
        }
        let trace_id = NonZeroU128::new(hex(&fields[3..35])?).ok_or(NoTraceparent)?;
        let parent_id = u64::try_from(hex(&fields[36..52])?).ok().and_then(NonZeroU64::new);
        let flags = hex(&fields[53..])?;
        let sampled = flags & u128::from(SAMPLED) != 0;
        Ok(Self { trace_id, parent_id: parent_id.ok_or(NoTraceparent)?, sampled })
    }
}

/// At most 32 hexadecimal digits, in lower case.
fn hex(digits: &[u8]) -> Result<u128, NoTraceparent> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(NoTraceparent),
        };
        Ok(number << 4 | u128::from(digit))
    })
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED } else { 0 };
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.parent_id)
    }
}

impl fmt::Display for NoTraceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid traceparent of W3C Trace Context")
    }
}

impl std::error::Error for NoTraceparent {}

#[cfg(test)]
mod tests {
    use super::Traceparent;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn what_level_1_allows() {
        for (text, sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            // Flags that are not defined are ignored.
            (format!("00-{TRACE}-{SPAN}-fe"), false),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            // A later version is read as far as it is known.
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), true),
            (format!("01-{TRACE}-{SPAN}-01-"), true),
        ] {
            let read: Traceparent = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read.is_sampled(), sampled, "{text}");
            let written = format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled));
            assert_eq!(read.to_string(), written);
            assert_eq!(written.parse(), Ok(read));
        }
    }

    #[test]
    fn what_level_1_forbids() {
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("0-{TRACE}-{SPAN}-01 "),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("0g-{TRACE}-{SPAN}-01"),
            format!("00-{}g-{SPAN}-01", &TRACE[1..]),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-+{}-01", &SPAN[1..]),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01\n"),
            // Longer in bytes than in characters.
            format!("00-{}ä-{SPAN}-01", &TRACE[2..]),
        ] {
            assert!(text.parse::<Traceparent>().is_err(), "{text:?}");
        }
    }
}
