//! The one error of this crate.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use alk_pubsub_core as core;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a worker, or with starting one. Cheap to clone.
///
/// `Display` says what happened at this level, [`source`](std::error::Error::source) has the level below.
///
/// ```
/// use alk_pubsub_worker::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::NoParent, "this process is no worker");
/// assert!(!error.is_retryable());
/// assert_eq!(error.to_string(), "this process is no worker");
/// ```
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
    /// The thread or the process could not be started.
    Spawn,
    /// This process was not started as a worker, or has its link to the parent already.
    NoParent,
    /// What the worker does returned an error.
    Failed,
    /// The worker gave no sign of life: stopped, or blocked for longer than the heartbeat allows.
    Silent,
    /// The link to the worker broke.
    Link,
    /// Not possible on this platform.
    Unsupported,
    /// An option that the worker could not be run with.
    Config,
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

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether starting the worker once more may succeed without anything else being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Spawn | ErrorKind::Failed | ErrorKind::Silent | ErrorKind::Link => true,
            ErrorKind::NoParent | ErrorKind::Unsupported | ErrorKind::Config => false,
        }
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

impl From<Error> for core::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Silent => core::ErrorKind::Timeout,
            ErrorKind::Link => core::ErrorKind::Disconnected,
            ErrorKind::Unsupported | ErrorKind::NoParent | ErrorKind::Config => core::ErrorKind::Unsupported,
            ErrorKind::Spawn | ErrorKind::Failed => core::ErrorKind::Upstream,
        };
        core::Error::with_source(kind, "the worker failed", error)
    }
}
