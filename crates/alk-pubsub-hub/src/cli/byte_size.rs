use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `65536`, `64KiB` or `64KB`.
///
/// ```
/// use alk_pubsub_hub::ByteSize;
///
/// let size: ByteSize = "64KiB".parse()?;
/// assert_eq!((size.bytes(), size.to_string().as_str()), (65536, "64KiB"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(usize);

const UNITS: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("B", 1),
];

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// Parses a size that has to be within these bounds.
    pub(super) fn parse_within(text: &str, least: Self, most: Self) -> Result<Self, String> {
        let size: Self = text.parse()?;
        if size < least || size > most {
            return Err(format!("it must be between {least} and {most}"));
        }
        Ok(size)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(format!("`{text}` is no size; write 65536, 64KiB or 1MiB")),
        };
        let number: usize =
            number.parse().map_err(|_| format!("`{text}` is no size; write 65536, 64KiB or 1MiB"))?;
        number.checked_mul(factor).map(Self).ok_or_else(|| format!("`{text}` is too much"))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest binary unit of which it is a whole number.
        let unit = UNITS[..3].iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        let (name, factor) = unit.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("12", 12), ("12B", 12), ("1 kib", 1024), ("2MB", 2_000_000), ("1GiB", 1 << 30)]
        {
            assert_eq!(text.parse(), Ok(ByteSize::new(bytes)), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5MiB", "1TiB", "99999999999GiB", "1 2"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn printed_and_parsed_it_is_the_same() {
        for bytes in [0, 1, 1000, 1024, 1025, 1 << 20, 3 << 30] {
            let size = ByteSize::new(bytes);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
