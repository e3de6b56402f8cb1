use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use alk_pubsub_core::{EventTarget, Topic};
use bytes::Bytes;

use crate::capabilities::Capabilities;

/// What a factory or a fault takes its time for.
pub type Making<'a, T = Space> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A transport under test.
pub trait TargetFactory: Send + Sync {
    /// What it is called in reports.
    fn name(&self) -> &'static str;

    /// What it can do beyond what every event target must.
    fn capabilities(&self) -> Capabilities;

    /// Makes a topic space that nobody else uses: another database, another prefix, another server.
    ///
    /// Called within a Tokio runtime with time and input/output enabled, by several checks at the same time. A factory that cannot
    /// do it panics with the reason.
    fn space(&self) -> Making<'_>;
}

/// Event targets in one topic space.
pub struct Space {
    pub(crate) publisher: Arc<dyn EventTarget>,
    pub(crate) subscriber: Arc<dyn EventTarget>,
    pub(crate) faults: Option<Box<dyn Faults>>,
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Space {
    /// One target, to publish and to subscribe on.
    #[must_use]
    pub fn new(target: Arc<dyn EventTarget>) -> Self {
        Self::pair(target.clone(), target)
    }

    /// Two targets: what is published on either reaches the subscribers of both.
    #[must_use]
    pub fn pair(publisher: Arc<dyn EventTarget>, subscriber: Arc<dyn EventTarget>) -> Self {
        Self { publisher, subscriber, faults: None, _kept: Vec::new() }
    }

    /// With a way to inject faults.
    #[must_use]
    pub fn with_faults(mut self, faults: impl Faults) -> Self {
        self.faults = Some(Box::new(faults));
        self
    }

    /// Keeps something for as long as the space is used, say a server that is stopped when it is dropped.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self._kept.push(Box::new(kept));
        self
    }
}

/// What can go wrong on the way to the target that checks subscribe on. Each method need only do what the
/// [`Capabilities`] say.
pub trait Faults: Send + Sync + 'static {
    /// Cuts the connection and keeps it cut. Needs not wait until the target has noticed.
    fn disconnect(&self) -> Making<'_, ()> {
        panic!("this transport has no connection to lose")
    }

    /// Lets a connection come about again. Needs not wait until the target has one.
    fn reconnect(&self) -> Making<'_, ()> {
        panic!("this transport has no connection to lose")
    }

    /// Sends `bytes`, which are no event, where an event of `topic` would be, to the target that checks subscribe on.
    fn send_raw<'a>(&'a self, topic: &'a Topic, bytes: Bytes) -> Making<'a, ()> {
        let _ = (topic, bytes);
        panic!("this transport takes nothing but events")
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("has_faults", &self.faults.is_some()).finish_non_exhaustive()
    }
}
