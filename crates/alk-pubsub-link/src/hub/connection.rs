use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::identity::Identity;

/// What is known of a connection, for [`Authorizer`](crate::Authorizer)s and callbacks. Cheap to clone.
#[derive(Clone)]
pub struct ConnectionInfo(Arc<Inner>);

struct Inner {
    id: String,
    peer: Option<SocketAddr>,
    since: SystemTime,
    identity: RwLock<Identity>,
}

impl ConnectionInfo {
    /// An anonymous connection of this id, from this address, made now.
    pub fn new(id: impl Into<String>, peer: Option<SocketAddr>) -> Self {
        Self::with_identity(id, peer, Identity::ANONYMOUS)
    }

    /// A connection of this id, from this address, made now by this somebody.
    pub fn with_identity(id: impl Into<String>, peer: Option<SocketAddr>, identity: Identity) -> Self {
        let identity = RwLock::new(identity);
        Self(Arc::new(Inner { id: id.into(), peer, since: SystemTime::now(), identity }))
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

    /// When it was made.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.0.since
    }

    /// Who it is now: a [refresh](crate::Authorizer::refresh) puts another in its place, of the same subject.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.0.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_identity(&self, identity: Identity) {
        *self.0.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo")
            .field("id", &self.0.id)
            .field("peer", &self.0.peer)
            .field("identity", &self.identity())
            .finish_non_exhaustive()
    }
}
