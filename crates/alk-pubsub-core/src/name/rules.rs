//! The rules that names follow, as functions that a compile-time check can call too.

use std::fmt;

/// The longest event type, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Why a string is not the name it was meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameError {
    /// The event type is empty.
    EmptyType,
    /// The event type is longer than [`MAX_TYPE_BYTES`].
    TypeTooLong,
    /// The event type has a character outside of `[A-Za-z0-9._/-]`, or does not start with a letter or digit.
    TypeCharacter,
    /// The event type starts with `__`, which is kept for control messages.
    ReservedType,
    /// The id is longer than [`MAX_ID_BYTES`].
    IdTooLong,
    /// The id has a control character.
    IdCharacter,
    /// A topic was expected, and there is no `:` between its type and its id.
    NoId,
}

impl NameError {
    /// The message, usable in constants.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            NameError::EmptyType => "the event type is empty",
            NameError::TypeTooLong => "the event type is longer than 128 bytes",
            NameError::TypeCharacter => {
                "an event type consists of letters, digits and `._/-` and starts with a letter or digit"
            }
            NameError::ReservedType => "event types that start with `__` are reserved for control messages",
            NameError::IdTooLong => "the id is longer than 256 bytes",
            NameError::IdCharacter => "the id has a control character",
            NameError::NoId => "a topic is `type:id`, and there is no `:`",
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for NameError {}

/// Checks an event type: 1–128 bytes of `[A-Za-z0-9._/-]`, starting with a letter or digit.
///
/// No `:` and no glob character can be in it, so the first `:` of a topic always ends the type, and a type
/// never means more than itself in a pattern.
///
/// # Errors
///
/// The [`NameError`] that names the broken rule. A type that starts with `__` is
/// [`ReservedType`](NameError::ReservedType), whatever follows.
pub const fn check_event_type(name: &str) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(NameError::EmptyType);
    }
    if bytes.len() >= 2 && bytes[0] == b'_' && bytes[1] == b'_' {
        return Err(NameError::ReservedType);
    }
    if bytes.len() > MAX_TYPE_BYTES {
        return Err(NameError::TypeTooLong);
    }
    if !bytes[0].is_ascii_alphanumeric() {
        return Err(NameError::TypeCharacter);
    }
    let mut at = 1;
    while at < bytes.len() {
        let byte = bytes[at];
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-')) {
            return Err(NameError::TypeCharacter);
        }
        at += 1;
    }
    Ok(())
}

/// Checks an id: at most 256 bytes of UTF-8 without control characters. The empty id is legal.
///
/// # Errors
///
/// [`NameError::IdTooLong`] or [`NameError::IdCharacter`].
pub fn check_id(id: &str) -> Result<(), NameError> {
    if id.len() > MAX_ID_BYTES {
        return Err(NameError::IdTooLong);
    }
    // Control characters are U+0000–1F, 7F and 80–9F (`C2 80`–`C2 9F`); one pass over the bytes finds out
    // whether a closer look is needed.
    if id.bytes().any(|byte| byte < 0x20 || byte == 0x7f || byte == 0xc2) && id.chars().any(char::is_control)
    {
        return Err(NameError::IdCharacter);
    }
    Ok(())
}
