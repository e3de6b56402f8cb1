//! What the connections of one hub share.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use alk_pubsub_core::EventTarget;
use alk_pubsub_link::{Authorizer, ConnectionInfo, Identity, Limits, Session, SessionStats, Wire};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, field};

use crate::connection::{Connection, Disconnected, Shared, WsConnection};
use crate::framing::WsFraming;

pub(crate) type OnConnection = Arc<dyn Fn(&WsConnection) + Send + Sync>;
pub(crate) type OnDisconnection = Arc<dyn Fn(&WsConnection, Disconnected) + Send + Sync>;

pub(crate) struct Hub {
    pub(crate) target: Arc<dyn EventTarget>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) max_connections: usize,
    pub(crate) stats: Arc<SessionStats>,
    pub(crate) tasks: TaskTracker,
    pub(crate) draining: AtomicBool,
    pub(crate) on_connection: RwLock<Vec<OnConnection>>,
    pub(crate) on_disconnection: RwLock<Vec<OnDisconnection>>,
    pub(crate) opened: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    connections: Mutex<HashMap<String, WsConnection>>,
    /// Connections and those about to be.
    places: AtomicUsize,
    next_id: AtomicU64,
    /// Sets the ids of this hub apart from those of others.
    run: u32,
}

/// A place among the connections that a hub may have.
pub(crate) struct Place(Arc<Hub>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.places.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Hub {
    pub(crate) fn new(
        target: Arc<dyn EventTarget>,
        limits: Limits,
        authorizer: Arc<dyn Authorizer>,
        max_connections: usize,
    ) -> Self {
        Self {
            target,
            limits: Arc::new(limits),
            authorizer,
            max_connections,
            stats: Arc::default(),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
            on_connection: RwLock::default(),
            on_disconnection: RwLock::default(),
            opened: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            connections: Mutex::default(),
            places: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            run: rand::random(),
        }
    }

    pub(crate) fn connections(&self) -> MutexGuard<'_, HashMap<String, WsConnection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection, unless the hub is full or shuts down.
    pub(crate) fn place(self: &Arc<Self>) -> Option<Place> {
        let most = self.max_connections;
        let one_more = |places: usize| (places < most).then_some(places + 1);
        let free = !self.draining.load(Ordering::Acquire)
            && self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok();
        if !free {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        free.then(|| Place(self.clone()))
    }

    pub(crate) fn new_info(&self, peer: Option<SocketAddr>, identity: Identity) -> ConnectionInfo {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        ConnectionInfo::with_identity(format!("{:08x}-{number}", self.run), peer, identity)
    }

    /// Runs a connection to its end.
    pub(crate) async fn run(
        self: Arc<Self>,
        io: impl AsyncRead + AsyncWrite,
        wire: Wire,
        connection: WsConnection,
        place: Place,
    ) {
        let shared = connection.0.clone();
        let task = Connection::new(
            io,
            shared.clone(),
            WsFraming::shared(wire),
            &self.limits,
            |framing, outgoing| {
                Session::new(
                    shared.clone(),
                    shared.info.clone(),
                    framing,
                    self.limits.clone(),
                    self.authorizer.clone(),
                    self.stats.clone(),
                    outgoing,
                )
            },
        );
        // Removed however this ends.
        let listed = Listed::new(self, connection, place);
        let peer = shared.info.peer();
        let span = tracing::debug_span!(
            "connection",
            otel.kind = "server",
            network.protocol.name = "websocket",
            client.address = peer.map(|peer| field::display(peer.ip())),
            client.port = peer.map(|peer| peer.port()),
            alk_pubsub.connection.id = shared.info.id(),
        );
        let why = task.instrument(span).await;
        listed.end(why);
    }

    fn each<T: Clone>(callbacks: &RwLock<Vec<T>>, call: impl Fn(T)) {
        let callbacks = callbacks.read().unwrap_or_else(PoisonError::into_inner).clone();
        callbacks.into_iter().for_each(call);
    }
}

/// A connection in the list of connections.
struct Listed {
    hub: Arc<Hub>,
    connection: WsConnection,
    why: Disconnected,
    _place: Place,
}

impl Listed {
    fn new(hub: Arc<Hub>, connection: WsConnection, place: Place) -> Self {
        hub.connections().insert(connection.id().to_owned(), connection.clone());
        hub.opened.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(connection = connection.id(), peer = ?connection.info().peer(), "connected");
        let listed = Self { hub, connection, why: Disconnected::ByHub, _place: place };
        Hub::each(&listed.hub.on_connection, |callback| callback(&listed.connection));
        listed
    }

    fn end(mut self, why: Disconnected) {
        self.why = why;
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.hub.connections().remove(self.connection.id());
        self.connection.0.gone();
        tracing::debug!(connection = self.connection.id(), why = ?self.why, "disconnected");
        Hub::each(&self.hub.on_disconnection, |callback| callback(&self.connection, self.why));
    }
}

impl WsConnection {
    pub(crate) fn new(info: ConnectionInfo, hub: &Hub) -> Self {
        Self(Arc::new(Shared::new(info, hub.target.clone(), hub.limits.queue)))
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("connections", &self.connections().len()).finish_non_exhaustive()
    }
}
