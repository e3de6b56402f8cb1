//! What can go wrong between this process and Redis.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use alk_pubsub_core as core;

/// Why a target could not be connected, or what became of a command.
///
/// `Display` says what happened at this level, [`source`](std::error::Error::source) has the level below. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL or a setting is wrong.
    Config,
    /// The server does not accept the username or password.
    Auth,
    /// The server's rules (ACL) refuse this command or channel to this user.
    Denied,
    /// No TLS connection: the server's certificate is not trusted, or the server speaks something else.
    Tls,
    /// There is no connection to the server, or it was lost.
    Disconnected,
    /// No answer in time.
    Timeout,
    /// This cannot be done with this kind of deployment.
    Unsupported,
    /// The server answered with an error that has no kind of its own.
    Server,
    /// The target was closed.
    Closed,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn disconnected() -> Self {
        Self::new(ErrorKind::Disconnected, "there is no connection to Redis")
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anything else being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Server)
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

/// What users of the [`EventTarget`](core::EventTarget) see.
impl From<Error> for core::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Auth | ErrorKind::Denied => core::ErrorKind::Denied,
            ErrorKind::Disconnected => core::ErrorKind::Disconnected,
            ErrorKind::Timeout => core::ErrorKind::Timeout,
            ErrorKind::Unsupported => core::ErrorKind::Unsupported,
            ErrorKind::Closed => core::ErrorKind::Closed,
            // Not `Upstream`, which is said to be worth another try.
            ErrorKind::Config | ErrorKind::Tls => core::ErrorKind::Denied,
            ErrorKind::Server => core::ErrorKind::Upstream,
        };
        core::Error::with_source(kind, error.to_string(), error)
    }
}
