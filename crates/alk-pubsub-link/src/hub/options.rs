use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::authorizer::{AllowAll, Authorizer};
use super::connection::ConnectionInfo;
use super::limits::Limits;
use super::session::SessionStats;

/// What a link is [served](super::serve) with.
///
/// ```
/// use alk_pubsub_link::{ConnectionInfo, Limits, ServeOptions};
///
/// let mut limits = Limits::default();
/// limits.max_topics = 16;
/// let options = ServeOptions::new(ConnectionInfo::new("worker-1", None)).limits(limits);
/// ```
pub struct ServeOptions {
    pub(super) connection: ConnectionInfo,
    pub(super) limits: Arc<Limits>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) stats: Arc<SessionStats>,
    pub(super) until: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl ServeOptions {
    /// The defaults for this connection.
    #[must_use]
    pub fn new(connection: ConnectionInfo) -> Self {
        Self {
            connection,
            limits: Arc::default(),
            authorizer: Arc::new(AllowAll),
            stats: Arc::default(),
            until: None,
        }
    }

    /// What the link may cost. Default: those of [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: impl Into<Arc<Limits>>) -> Self {
        self.limits = limits.into();
        self
    }

    /// Who may do what. Default: everybody everything.
    #[must_use]
    pub fn authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizer = authorizer;
        self
    }

    /// Counters to count in. Default: counters that nobody sees.
    #[must_use]
    pub fn stats(mut self, stats: Arc<SessionStats>) -> Self {
        self.stats = stats;
        self
    }

    /// Ends the link when `shutdown` resolves: the spoke is told that the hub goes away, and that it may come back.
    /// Default: never.
    #[must_use]
    pub fn until(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(Box::pin(shutdown));
        self
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("connection", &self.connection)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
