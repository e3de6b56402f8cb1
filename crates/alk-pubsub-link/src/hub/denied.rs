use std::borrow::Cow;
use std::fmt;

use crate::code::ErrorCode;

/// Not allowed; says why to the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    code: ErrorCode,
    reason: Cow<'static, str>,
}

impl Denied {
    /// Not allowed for this reason, which the other side is told: `forbidden`.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: ErrorCode::Forbidden, reason: reason.into() }
    }

    /// Not allowed any more: `expired`.
    pub fn expired(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: ErrorCode::Expired, reason: reason.into() }
    }

    /// Nobody can say now, so that another attempt may help: `unavailable`.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: ErrorCode::Unavailable, reason: reason.into() }
    }

    /// The code that the other side is told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Denied {}
