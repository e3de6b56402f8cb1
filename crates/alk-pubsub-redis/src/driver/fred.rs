//! The driver over fred 10.1.0.
//!
//! fred's client is used for one connection, without a reconnect policy: then its task ends when the connection is lost,
//! and that is how we know. It is aborted on drop, since otherwise it would go on for ever.

use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::error::{Error as FredError, ErrorKind as FredErrorKind};
use fred::interfaces::{ClientInterface, ClientLike, ClusterInterface, EventInterface, PubsubInterface};
use fred::types::config::{Options, Server, ServerConfig};
use fred::types::{ClusterHash, ConnectHandle, Message, MessageKind, Value};
use fred::util::redis_keyslot;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::JoinHandle;

use super::{Answer, Counts, Driver, FredConfig, Incoming, Kind, PublisherConnection, SubscriberConnection};
use crate::error::{Error, ErrorKind};

/// Makes fred clients, which run where they are made.
#[derive(Clone)]
pub(crate) struct FredDriver {
    config: FredConfig,
    /// A client that is used instead of our own for publishing.
    publisher: Option<Client>,
    sharded: bool,
    /// The nodes of the cluster, as they were when last connected to.
    nodes: Arc<Mutex<Vec<Server>>>,
}

impl FredDriver {
    pub(crate) fn new(config: FredConfig, publisher: Option<Client>, sharded: bool) -> Self {
        Self { config, publisher, sharded, nodes: Arc::default() }
    }

    fn client(&self, capacity: usize) -> Client {
        let performance = FredConfig::performance(capacity);
        let mut client = self.config.client.clone();
        if let ServerConfig::Clustered { hosts, .. } = &mut client.server {
            // Any node can tell where the others are, also when those that were named are gone.
            for node in self.nodes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                if !hosts.contains(node) {
                    hosts.push(node.clone());
                }
            }
        }
        Client::new(client, Some(performance), Some(self.config.connection.clone()), None)
    }

    /// Keeps in mind which nodes there are, for the next client.
    fn learn(nodes: &Mutex<Vec<Server>>, client: &Client) {
        if let Some(cluster) = client.cached_cluster_state() {
            *nodes.lock().unwrap_or_else(PoisonError::into_inner) = cluster.unique_primary_nodes();
        }
    }
}

impl Driver for FredDriver {
    type Subscriber = FredSubscriber;
    type Publisher = FredPublisher;

    async fn connect_subscriber(&self) -> Result<FredSubscriber, Error> {
        let client = self.client(self.config.receive_capacity);
        let cluster = self.config.is_cluster();
        let (messages, topology) = (client.message_rx(), client.cluster_change_rx());
        let task = connect(&client).await?;
        Self::learn(&self.nodes, &client);
        Ok(FredSubscriber { client, cluster, messages, topology, task, ended: None })
    }

    async fn connect_publisher(&self) -> Result<FredPublisher, Error> {
        let (client, task) = match &self.publisher {
            Some(client) => {
                client.wait_for_connect().await.map_err(error)?;
                (client.clone(), None)
            }
            None => {
                let client = self.client(32);
                let task = connect(&client).await?;
                Self::learn(&self.nodes, &client);
                (client, Some(task))
            }
        };
        let counted = !self.config.is_cluster();
        let errors = client.error_rx();
        Ok(FredPublisher {
            client: client.with_options(&self.config.publish),
            sharded: self.sharded,
            counted,
            task,
            errors,
        })
    }
}

/// Connects a client; what is returned keeps it connected.
pub(super) async fn connect(client: &Client) -> Result<AbortOnDrop<Result<(), FredError>>, Error> {
    let task: ConnectHandle = client.connect();
    let task = AbortOnDrop(task);
    client.wait_for_connect().await.map_err(error)?;
    Ok(task)
}

pub(crate) struct FredSubscriber {
    client: Client,
    cluster: bool,
    messages: Receiver<Message>,
    topology: Receiver<Vec<fred::types::ClusterStateChange>>,
    task: AbortOnDrop<Result<(), FredError>>,
    /// Why it is over; messages that came before may be left.
    ended: Option<Error>,
}

impl FredSubscriber {
    /// Where fred sends subscriptions that are not sharded.
    fn home(&self) -> Options {
        let cluster_hash =
            self.cluster.then(|| ClusterHash::Custom(redis_keyslot(self.client.id().as_bytes())));
        Options { cluster_hash, ..Options::default() }
    }

    fn hand_out(message: &Message, hand_out: &mut (dyn FnMut(Incoming<'_>) + Send)) {
        let kind = match message.kind {
            MessageKind::Message => Kind::Channel,
            MessageKind::PMessage => Kind::Pattern,
            MessageKind::SMessage => Kind::Shard,
        };
        let payload = match &message.value {
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            _ => &[],
        };
        hand_out(Incoming::Message { kind, channel: &message.channel, payload });
    }

    /// Hands out what is there; whether there was anything. All of it: fred, which is not held up by a full ring, reads again
    /// when the thread is free.
    fn drain(&mut self, hand_out: &mut (dyn FnMut(Incoming<'_>) + Send)) -> bool {
        let mut any = false;
        loop {
            match self.messages.try_recv() {
                Ok(message) => Self::hand_out(&message, hand_out),
                Err(TryRecvError::Lagged(messages)) => hand_out(Incoming::Lagged(messages)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return any,
            }
            any = true;
        }
    }
}

impl SubscriberConnection for FredSubscriber {
    fn request(&self, kind: Kind, add: bool, names: Vec<String>) -> Answer<()> {
        let client = self.client.clone();
        started(Box::pin(async move {
            let answer = match (kind, add) {
                (Kind::Channel, true) => client.subscribe(names).await,
                (Kind::Channel, false) => client.unsubscribe(names).await,
                (Kind::Pattern, true) => client.psubscribe(names).await,
                (Kind::Pattern, false) => client.punsubscribe(names).await,
                (Kind::Shard, true) => client.ssubscribe(names).await,
                (Kind::Shard, false) => client.sunsubscribe(names).await,
            };
            answer.map_err(error)
        }))
    }

    fn count(&self, everywhere: bool) -> Answer<Counts> {
        let client = self.client.clone();
        let home = self.home();
        if !(everywhere && self.cluster) {
            return started(Box::pin(async move { count(&client, &home).await }));
        }
        let nodes = client.active_connections();
        started(Box::pin(async move {
            if nodes.is_empty() {
                return Err(Error::new(
                    ErrorKind::Denied,
                    "the nodes with subscriptions are not known: the user needs `+client|id` for sharded channels",
                ));
            }
            let mut sum = Counts::default();
            for node in nodes {
                let options = Options { cluster_node: Some(node), ..Options::default() };
                let counts = count(&client, &options).await?;
                sum.channels += counts.channels;
                sum.patterns += counts.patterns;
                sum.shards += counts.shards;
            }
            Ok(sum)
        }))
    }

    fn echo(&self, nonce: u64) -> Answer<bool> {
        let client = self.client.with_options(&self.home());
        started(Box::pin(async move { echo(&client, nonce).await }))
    }

    async fn receive(&mut self, hand_out: &mut (dyn FnMut(Incoming<'_>) + Send)) {
        if self.drain(hand_out) {
            return;
        }
        if let Some(error) = &self.ended {
            hand_out(Incoming::Closed(error.clone()));
            return;
        }
        tokio::select! {
            biased;
            message = self.messages.recv() => match message {
                Ok(message) => {
                    Self::hand_out(&message, hand_out);
                    self.drain(hand_out);
                }
                Err(RecvError::Lagged(messages)) => hand_out(Incoming::Lagged(messages)),
                Err(RecvError::Closed) => self.ended = Some(Error::disconnected()),
            },
            _ = self.topology.recv() => hand_out(Incoming::TopologyChanged),
            // Nothing arrives any more, but what has arrived comes first.
            ended = self.task.ended() => self.ended = Some(end(ended)),
        }
    }
}

pub(crate) struct FredPublisher {
    client: WithOptions<Client>,
    sharded: bool,
    /// Whether the number of receivers means anything: in a cluster each node knows only its own.
    counted: bool,
    /// None for a client that is not ours.
    task: Option<AbortOnDrop<Result<(), FredError>>>,
    errors: Receiver<(FredError, Option<Server>)>,
}

impl PublisherConnection for FredPublisher {
    fn publish(&self, channel: String, envelope: Bytes) -> Answer<Option<u64>> {
        let (client, sharded, counted) = (self.client.clone(), self.sharded, self.counted);
        started(Box::pin(async move {
            let receivers: Result<u64, _> = if sharded {
                client.spublish(channel, Value::Bytes(envelope)).await
            } else {
                client.publish(channel, Value::Bytes(envelope)).await
            };
            receivers.map(|receivers| counted.then_some(receivers)).map_err(error)
        }))
    }

    fn echo(&self, nonce: u64) -> Answer<bool> {
        let client = self.client.clone();
        started(Box::pin(async move { echo(&client, nonce).await }))
    }

    async fn closed(&mut self) -> Error {
        match &mut self.task {
            Some(task) => end(task.ended().await),
            None => loop {
                let failed = self.errors.recv().await;
                if !self.client.is_connected() || matches!(failed, Err(RecvError::Closed)) {
                    return Error::disconnected();
                }
            },
        }
    }
}

async fn count(client: &Client, options: &Options) -> Result<Counts, Error> {
    let info: String = client.with_options(options).client_info().await.map_err(error)?;
    counts(&info).ok_or_else(|| Error::new(ErrorKind::Server, "the answer to CLIENT INFO is not understood"))
}

/// Reads `… sub=1 psub=0 ssub=0 …`; servers before 7.0 have no `ssub`.
fn counts(info: &str) -> Option<Counts> {
    let field = |name: &str| {
        info.split_ascii_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .and_then(|number| number.parse().ok())
    };
    Some(Counts { channels: field("sub")?, patterns: field("psub")?, shards: field("ssub").unwrap_or(0) })
}

async fn echo(client: &WithOptions<Client>, nonce: u64) -> Result<bool, Error> {
    let asked = format!("alk-{nonce}");
    let answer: Value = client.ping(Some(asked.clone())).await.map_err(error)?;
    Ok(answer.as_str().is_some_and(|answer| answer == asked))
}

/// Has a command sent now, and not when its answer is asked for.
///
/// It comes in a box, since these futures are large and each move of one would cost.
fn started<T: Send + 'static>(mut command: Answer<T>) -> Answer<T> {
    match command.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Box::pin(ready(answer)),
        Poll::Pending => command,
    }
}

fn end(ended: Result<Result<(), FredError>, Error>) -> Error {
    match ended {
        Ok(Err(cause)) => {
            Error::with_source(ErrorKind::Disconnected, "the connection to Redis is lost", cause)
        }
        _ => Error::disconnected(),
    }
}

pub(super) fn error(cause: FredError) -> Error {
    let details = cause.details();
    let code = details.split_ascii_whitespace().next().unwrap_or_default();
    let (kind, message) = match (cause.kind(), code) {
        (_, "NOPERM") => (ErrorKind::Denied, "Redis refuses this to this user"),
        (FredErrorKind::Auth, _) | (_, "WRONGPASS" | "NOAUTH") => {
            (ErrorKind::Auth, "Redis does not accept the username or password")
        }
        (FredErrorKind::Config | FredErrorKind::Url, _) => {
            (ErrorKind::Config, "the Redis client does not accept its configuration")
        }
        #[cfg(feature = "tls")]
        (FredErrorKind::Tls, _) => (ErrorKind::Tls, "there is no TLS connection to Redis"),
        // What rustls has against the other side comes wrapped as an I/O error.
        (FredErrorKind::IO, _)
            if ["InvalidCertificate", "InvalidMessage", "AlertReceived"]
                .iter()
                .any(|name| details.contains(name)) =>
        {
            (ErrorKind::Tls, "there is no TLS connection to Redis")
        }
        (FredErrorKind::Timeout, _) => (ErrorKind::Timeout, "Redis has not answered in time"),
        (FredErrorKind::IO | FredErrorKind::Canceled | FredErrorKind::Routing, _) => {
            (ErrorKind::Disconnected, "there is no connection to Redis")
        }
        _ => (ErrorKind::Server, "Redis answered with an error"),
    };
    Error::with_source(kind, message, cause)
}

/// A task that ends with its owner.
pub(super) struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn ended(&mut self) -> Result<T, Error> {
        (&mut self.0).await.map_err(|cause| {
            Error::with_source(ErrorKind::Disconnected, "the connection was given up", cause)
        })
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_info_is_read() {
        let info = "id=3 addr=127.0.0.1:1 name= sub=2 psub=1 ssub=4 multi=-1 user=default resp=3";
        assert_eq!(counts(info), Some(Counts { channels: 2, patterns: 1, shards: 4 }));
        assert_eq!(counts("id=3 sub=2 psub=1").map(|counts| counts.shards), Some(0));
        assert_eq!(counts("PONG"), None);
    }
}
