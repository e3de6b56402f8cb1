//! The one error of this crate.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::name::NameError;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a publish, a subscribe or a payload.
///
/// Look at [`kind`](Error::kind) to decide what to do, at [`is_retryable`](Error::is_retryable) to decide whether to try
/// again. `Display` says what happened at this level, [`source`](std::error::Error::source) has the level below.
/// Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Source>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A type, id or topic breaks the rules for names.
    InvalidTopic,
    /// The event type starts with `__`.
    ReservedType,
    /// The event is larger than the transport allows.
    TooLarge,
    /// The payload cannot be encoded.
    Encode,
    /// Bytes are not the envelope or payload that was expected.
    Decode,
    /// The upstream or its rules refuse this topic to this client.
    Denied,
    /// Too many topics, or too much of something else that is limited.
    LimitExceeded,
    /// There is no connection to the upstream now.
    Disconnected,
    /// The target was closed.
    Closed,
    /// No answer in time.
    Timeout,
    /// It would have to wait, and must not: a subscriber with the policy `Block` is full.
    WouldBlock,
    /// This target cannot do that at all.
    Unsupported,
    /// The upstream failed in a way that has no kind of its own.
    Upstream,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    /// An error of this kind that was caused by another.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// The error of a target that was closed.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the event target is closed")
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anything else being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::WouldBlock | ErrorKind::Upstream
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        let kind = match error {
            NameError::ReservedType => ErrorKind::ReservedType,
            _ => ErrorKind::InvalidTopic,
        };
        Self::new(kind, error.message())
    }
}
