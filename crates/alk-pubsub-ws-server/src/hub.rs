//! What the connections of one hub share.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};

use alk_pubsub_core::EventTarget;
use alk_pubsub_link::{Authorizer, ConnectionInfo, Identity, Limits, Session, SessionStats, Wire};
use pin_project_lite::pin_project;
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
    /// Those that are open, and those that are being opened: what all are told, they are told too.
    listed: Mutex<List>,
    /// Connections and those about to be.
    places: AtomicUsize,
    next_id: AtomicU64,
    /// Sets the ids of this hub apart from those of others.
    run: u32,
}

#[derive(Default)]
struct List {
    entries: HashMap<String, Entry>,
    /// How many of them are open.
    open: usize,
}

struct Entry {
    connection: WsConnection,
    open: bool,
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
            listed: Mutex::default(),
            places: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            run: rand::random(),
        }
    }

    fn listed(&self) -> MutexGuard<'_, List> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are open.
    pub(crate) fn connections(&self) -> Vec<WsConnection> {
        let listed = self.listed();
        listed.entries.values().filter(|entry| entry.open).map(|entry| entry.connection.clone()).collect()
    }

    /// Those that are being opened, too.
    pub(crate) fn connections_and_arriving(&self) -> Vec<WsConnection> {
        self.listed().entries.values().map(|entry| entry.connection.clone()).collect()
    }

    /// The one of this id, if it is open.
    pub(crate) fn connection(&self, id: &str) -> Option<WsConnection> {
        self.listed().entries.get(id).filter(|entry| entry.open).map(|entry| entry.connection.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.listed().open
    }

    /// A place for one more connection, unless the hub is full or shuts down.
    ///
    /// To be asked for after the connection was listed: whoever shuts down then either is seen here or sees it there.
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

    /// Runs a connection to its end, as a task of its own.
    pub(crate) fn serve(
        io: impl AsyncRead + AsyncWrite + Send + 'static,
        wire: Wire,
        mut listed: Listed,
        place: Place,
    ) {
        let (hub, shared) = (listed.hub.clone(), listed.connection.0.clone());
        let connection =
            Connection::new(io, shared.clone(), WsFraming::shared(wire), &hub.limits, |framing, outgoing| {
                Session::new(
                    shared.clone(),
                    shared.info.clone(),
                    framing,
                    hub.limits.clone(),
                    hub.authorizer.clone(),
                    hub.stats.clone(),
                    outgoing,
                )
            });
        listed.open();
        let peer = shared.info.peer();
        let span = tracing::debug_span!(
            "connection",
            otel.kind = "server",
            network.protocol.name = "websocket",
            client.address = peer.map(|peer| field::display(peer.ip())),
            client.port = peer.map(|peer| peer.port()),
            alk_pubsub.connection.id = shared.info.id(),
        );
        // Where nobody asked for the span, it is not looked at for each event either.
        if span.is_disabled() {
            hub.tasks.spawn(Serving { connection, _place: place, listed });
        } else {
            hub.tasks.spawn(Serving { connection: connection.instrument(span), _place: place, listed });
        }
    }

    fn each<T: Clone>(callbacks: &RwLock<Vec<T>>, call: impl Fn(T)) {
        let callbacks = callbacks.read().unwrap_or_else(PoisonError::into_inner).clone();
        callbacks.into_iter().for_each(call);
    }
}

pin_project! {
    /// A connection that is served, with what it takes up: given back in this order when it has ended.
    // No `async` block, whose state would be somewhere else than what the connection looks at.
    #[repr(C)]
    struct Serving<C> {
        #[pin]
        connection: C,
        // Before others are told, so that they may have it.
        _place: Place,
        listed: Listed,
    }
}

impl<C: Future<Output = Disconnected>> Future for Serving<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.connection.poll(cx).map(|why| this.listed.why = why)
    }
}

/// Keeps a connection in the list of connections; removed from it however this ends.
pub(crate) struct Listed {
    hub: Arc<Hub>,
    pub(crate) connection: WsConnection,
    open: bool,
    why: Disconnected,
}

impl Listed {
    /// Lists a connection that is being opened.
    pub(crate) fn new(hub: Arc<Hub>, connection: WsConnection) -> Self {
        let entry = Entry { connection: connection.clone(), open: false };
        hub.listed().entries.insert(connection.id().to_owned(), entry);
        Self { hub, connection, open: false, why: Disconnected::ByHub }
    }

    fn open(&mut self) {
        {
            let mut listed = self.hub.listed();
            if let Some(entry) = listed.entries.get_mut(self.connection.id()) {
                entry.open = true;
            }
            listed.open += 1;
        }
        self.open = true;
        self.hub.opened.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(connection = self.connection.id(), peer = ?self.connection.info().peer(), "connected");
        Hub::each(&self.hub.on_connection, |callback| callback(&self.connection));
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = {
            let mut listed = self.hub.listed();
            listed.open -= usize::from(self.open);
            listed.entries.remove(self.connection.id())
        };
        drop(gone);
        self.connection.0.gone();
        if self.open {
            tracing::debug!(connection = self.connection.id(), why = ?self.why, "disconnected");
            Hub::each(&self.hub.on_disconnection, |callback| callback(&self.connection, self.why));
        }
    }
}

impl WsConnection {
    pub(crate) fn new(info: ConnectionInfo, hub: &Hub) -> Self {
        Self(Arc::new(Shared::new(info, hub.target.clone(), hub.limits.queue)))
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("connections", &self.count()).finish_non_exhaustive()
    }
}
