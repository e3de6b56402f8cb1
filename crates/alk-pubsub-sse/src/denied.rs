use std::borrow::Cow;
use std::fmt;

/// What a hook answers that does not allow something: the request is refused with status 403 and this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied(Cow<'static, str>);

impl Denied {
    /// A refusal with a reason for the client to read.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl Default for Denied {
    fn default() -> Self {
        Self::new("not allowed")
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Denied {}
