use std::sync::Arc;

use alk_pubsub_core::EventTarget;
use alk_pubsub_link::{AllowAll, Authorizer, Limits};

use crate::hub::Hub;
use crate::target::WsServerEventTarget;

/// Makes a [`WsServerEventTarget`]; from [`WsServerEventTarget::builder`].
#[must_use = "call `build`"]
pub struct WsServerBuilder {
    target: Arc<dyn EventTarget>,
    limits: Limits,
    authorizer: Arc<dyn Authorizer>,
    max_connections: usize,
}

impl WsServerBuilder {
    /// How many connections a hub takes unless told otherwise.
    pub const DEFAULT_MAX_CONNECTIONS: usize = 100_000;

    pub(crate) fn new(target: Arc<dyn EventTarget>) -> Self {
        Self {
            target,
            limits: Limits::default(),
            authorizer: Arc::new(AllowAll),
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
        }
    }

    /// What one connection may cost. Default [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who may subscribe and publish what. Default: everybody everything.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Arc::new(authorizer);
        self
    }

    /// How many connections there may be; more are turned away with `503` and `Retry-After`. Default 100,000.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most;
        self
    }

    /// Makes the hub.
    #[must_use]
    pub fn build(self) -> WsServerEventTarget {
        let Self { target, limits, authorizer, max_connections } = self;
        WsServerEventTarget(Arc::new(Hub::new(target, limits, authorizer, max_connections)))
    }
}

impl std::fmt::Debug for WsServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WsServerBuilder")
            .field("limits", &self.limits)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}
