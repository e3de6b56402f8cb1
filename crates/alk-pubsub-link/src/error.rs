//! The one error of this crate.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core as core;

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong with a pipe, or with making one.
///
/// `Display` says what happened at this level, [`source`](std::error::Error::source) has the level below. Cheap to clone.
///
/// ```
/// use alk_pubsub_link::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Refused, "the token is not valid");
/// assert!(!error.is_retryable());
/// assert_eq!(alk_pubsub_core::Error::from(error).kind(), alk_pubsub_core::ErrorKind::Denied);
/// ```
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    retryable: bool,
    retry_after: Option<Duration>,
    message: Cow<'static, str>,
    source: Option<Source>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipe could not be made, or broke.
    Io,
    /// Something was not done in time: connecting, answering a ping, taking what was sent.
    Timeout,
    /// The pipe was closed by the other end.
    Closed,
    /// The other end does not speak the protocol, or no version of it that is known here.
    Protocol,
    /// A frame is larger than the pipe takes.
    TooLarge,
    /// The other end does not want this connection: not authorised.
    Refused,
    /// The other end could not show that it is whom we mean: its certificate is for another name, has expired, or comes
    /// from an authority that is not trusted here.
    Untrusted,
    /// What was configured cannot work: an address that is none, certificates that cannot be read.
    Config,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let retryable = !matches!(kind, ErrorKind::Refused | ErrorKind::Untrusted | ErrorKind::Config);
        Self { kind, retryable, retry_after: None, message: message.into(), source: None }
    }

    /// An error of this kind that was caused by another.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(Arc::from(source.into())), ..Self::new(kind, message) }
    }

    /// The same error, for which another attempt is or is not worth making.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same error from somebody who has asked not to be tried again before so much time has passed.
    #[must_use]
    pub fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// How long to wait at least before another attempt, where the other end has said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether another attempt may succeed without anything else being changed. `false` by default for
    /// [`Refused`](ErrorKind::Refused), [`Untrusted`](ErrorKind::Untrusted) and [`Config`](ErrorKind::Config), `true` for all
    /// others.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind).field("message", &self.message);
        if let Some(source) = &self.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::with_source(ErrorKind::Io, "the pipe broke", error)
    }
}

impl From<Error> for core::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::Io | ErrorKind::Closed => core::ErrorKind::Disconnected,
            ErrorKind::Timeout => core::ErrorKind::Timeout,
            ErrorKind::Refused | ErrorKind::Untrusted => core::ErrorKind::Denied,
            ErrorKind::TooLarge => core::ErrorKind::TooLarge,
            ErrorKind::Config => core::ErrorKind::Unsupported,
            ErrorKind::Protocol => core::ErrorKind::Upstream,
        };
        core::Error::with_source(kind, "the link to the hub failed", error)
    }
}
