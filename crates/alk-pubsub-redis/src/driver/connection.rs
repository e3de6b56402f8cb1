//! What a driver does.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use super::types::{Counts, Incoming, Kind};
use crate::error::Error;

pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Makes connections. Dropping one closes it, whatever it is doing.
pub(crate) trait Driver: Clone + Send + Sync + 'static {
    type Subscriber: SubscriberConnection;
    type Publisher: PublisherConnection;

    /// Dropping the future closes what it has opened. The connection reads on the thread that this is called on, where nothing
    /// else is to run than who hands on what it has read.
    fn connect_subscriber(&self) -> impl Future<Output = Result<Self::Subscriber, Error>> + Send;

    /// Dropping the future closes what it has opened.
    fn connect_publisher(&self) -> impl Future<Output = Result<Self::Publisher, Error>> + Send;
}

/// A connection that messages arrive on and that nothing but subscriptions and their verification is sent on.
pub(crate) trait SubscriberConnection: Send + 'static {
    /// Subscribes or unsubscribes. For a [`Kind::Shard`], one channel, the answer is the server's; else it says only
    /// that the command is on its way.
    fn request(&self, kind: Kind, add: bool, names: Vec<String>) -> Answer<()>;

    /// What the server says it has for this connection, after all that was requested before; `everywhere` asks all
    /// nodes of a cluster.
    fn count(&self, everywhere: bool) -> Answer<Counts>;

    /// Whether the server's answer is this very one. It is not when a refused request was answered in its place.
    fn echo(&self, nonce: u64) -> Answer<bool>;

    /// Waits until something arrived and hands it out. [`Incoming::Closed`] is the last.
    ///
    /// Cancel safe.
    fn receive(&mut self, hand_out: &mut (dyn FnMut(Incoming<'_>) + Send))
    -> impl Future<Output = ()> + Send;
}

/// A connection to publish on.
pub(crate) trait PublisherConnection: Send + 'static {
    /// Publishes; the call takes the place in the order. The answer is the number of receivers if it is known.
    fn publish(&self, channel: String, envelope: Bytes) -> Answer<Option<u64>>;

    /// Whether anybody answers.
    fn echo(&self, nonce: u64) -> Answer<bool>;

    /// Waits until the connection is lost.
    ///
    /// Cancel safe.
    fn closed(&mut self) -> impl Future<Output = Error> + Send;
}
