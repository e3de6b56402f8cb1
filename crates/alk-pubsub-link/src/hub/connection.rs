use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// What is known of a connection, for [`Authorizer`](crate::Authorizer)s and callbacks. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionInfo(Arc<Inner>);

struct Inner {
    id: String,
    peer: Option<SocketAddr>,
    context: Option<Box<dyn Any + Send + Sync>>,
}

impl ConnectionInfo {
    /// A connection of this id, from this address.
    pub fn new(id: impl Into<String>, peer: Option<SocketAddr>) -> Self {
        Self(Arc::new(Inner { id: id.into(), peer, context: None }))
    }

    /// As [`new`](Self::new), with something that was found out when the connection was made: a user, a session.
    pub fn with_context(
        id: impl Into<String>,
        peer: Option<SocketAddr>,
        context: impl Any + Send + Sync,
    ) -> Self {
        Self(Arc::new(Inner { id: id.into(), peer, context: Some(Box::new(context)) }))
    }

    /// The connection's id, which it is told in its `__welcome`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Where it comes from, where that is known.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// What was found out when the connection was made, if it was a `T`.
    #[must_use]
    pub fn context<T: Any>(&self) -> Option<&T> {
        self.0.context.as_deref().and_then(|context| (context as &dyn Any).downcast_ref())
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The context may hold a secret.
        f.debug_struct("ConnectionInfo")
            .field("id", &self.0.id)
            .field("peer", &self.0.peer)
            .finish_non_exhaustive()
    }
}
