use std::fmt;

use alk_pubsub_core::{Error, ErrorKind};

/// Why a hub refuses a frame or a topic: the `code` of an `__error` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not an object with a string `type` and, where present, a string `id`, or a control frame with a bad payload.
    BadFrame,
    /// A type, id or topic breaks the rules for names.
    BadTopic,
    /// A control type that is unknown or runs the wrong way.
    ReservedType,
    /// Not allowed to this connection.
    Forbidden,
    /// The connection has as many topics as it may.
    TooManyTopics,
    /// The frame is larger than `max_frame_bytes`.
    TooLarge,
    /// Too many frames in too short a time.
    RateLimited,
    /// The hub's upstream cannot do it now.
    Unavailable,
    /// The connection's authentication has expired.
    Expired,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 9] = [
        ErrorCode::BadFrame,
        ErrorCode::BadTopic,
        ErrorCode::ReservedType,
        ErrorCode::Forbidden,
        ErrorCode::TooManyTopics,
        ErrorCode::TooLarge,
        ErrorCode::RateLimited,
        ErrorCode::Unavailable,
        ErrorCode::Expired,
    ];

    /// The code as it stands in the frame.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadFrame => "bad_frame",
            ErrorCode::BadTopic => "bad_topic",
            ErrorCode::ReservedType => "reserved_type",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::TooManyTopics => "too_many_topics",
            ErrorCode::TooLarge => "too_large",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::Expired => "expired",
        }
    }

    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The kind of error that this code becomes on the spoke's side.
    #[must_use]
    pub fn error_kind(self) -> ErrorKind {
        match self {
            ErrorCode::BadFrame => ErrorKind::Decode,
            ErrorCode::BadTopic => ErrorKind::InvalidTopic,
            ErrorCode::ReservedType => ErrorKind::ReservedType,
            ErrorCode::Forbidden | ErrorCode::Expired => ErrorKind::Denied,
            ErrorCode::TooManyTopics => ErrorKind::LimitExceeded,
            ErrorCode::TooLarge => ErrorKind::TooLarge,
            ErrorCode::RateLimited | ErrorCode::Unavailable => ErrorKind::Upstream,
        }
    }
}

impl From<&Error> for ErrorCode {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidTopic => ErrorCode::BadTopic,
            ErrorKind::ReservedType => ErrorCode::ReservedType,
            ErrorKind::TooLarge => ErrorCode::TooLarge,
            ErrorKind::Encode | ErrorKind::Decode => ErrorCode::BadFrame,
            ErrorKind::Denied | ErrorKind::Unsupported => ErrorCode::Forbidden,
            ErrorKind::LimitExceeded => ErrorCode::TooManyTopics,
            _ => ErrorCode::Unavailable,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
