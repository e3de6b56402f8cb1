use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use alk_pubsub_core::{
    Bounds, Error, Event, EventListener, EventTarget, InProcessEventTarget, Interest, LatencyProbe,
    ListenerGuard, ListenerId, Published, RawSubscription, Route, StateWatch, Stats, TargetFuture, Topic,
};
use alk_pubsub_link::{CloseCode, ConnectionInfo, ErrorCode, Identity, Wire};
use rand::Rng;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::builder::WsServerBuilder;
use crate::connection::{Disconnected, Order, Which, WsConnection};
use crate::hub::{Hub, Listed};
use crate::stats::WsServerStats;

/// How many connections are told to close before other tasks get a turn.
const DRAIN_BATCH: usize = 256;
/// When spokes come back after a shutdown, in milliseconds: spread, so that they do not come all at once.
const RETRY_MS: std::ops::Range<u64> = 500..5000;
/// What connections that are cut off have to end.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// Any event target, served to spokes over WebSockets: a hub. A handle, cheap to clone.
///
/// It is an event target too, the one it serves: what is dispatched here reaches the spokes that have subscribed to it,
/// and what spokes publish reaches subscribers here.
///
/// ```no_run
/// use alk_pubsub_core::{Dynamic, PubSub};
/// use alk_pubsub_ws_server::WsServerEventTarget;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = WsServerEventTarget::default(); // in process; or `new(target)` over any other
/// let app = axum::Router::new().route("/ws", hub.handler());
/// let pubsub = PubSub::<Dynamic>::new(hub.clone());
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7400").await?;
/// axum::serve(listener, app).await?;
/// # Ok(()) }
/// ```
///
/// Serve it with `TCP_NODELAY` set on the sockets: small frames wait tens of milliseconds otherwise.
#[derive(Debug, Clone)]
pub struct WsServerEventTarget(pub(crate) Arc<Hub>);

impl WsServerEventTarget {
    /// A hub over this target, with the default limits, open to everybody who can connect.
    pub fn new(target: impl EventTarget) -> Self {
        Self::builder(target).build()
    }

    /// A hub over this target, to be configured.
    pub fn builder(target: impl EventTarget) -> WsServerBuilder {
        WsServerBuilder::new(Arc::new(target))
    }

    /// Takes a WebSocket that you already have: a stream of bytes, either side of whose handshake is done, for example an
    /// upgraded HTTP connection. Frames are JSON. Returns its handle, or `None` if the hub is full or shuts down.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn add_connection(
        &self,
        io: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: Option<SocketAddr>,
    ) -> Option<WsConnection> {
        let connection = WsConnection::new(self.0.new_info(peer, Identity::ANONYMOUS), &self.0);
        let listed = Listed::new(self.0.clone(), connection.clone());
        let place = self.0.place()?;
        self.0.tasks.spawn(async move { Hub::serve(io, Wire::Json, listed, place) });
        Some(connection)
    }

    /// Closes a connection (1000, no reconnect); whether there was one of this id.
    pub fn remove_connection(&self, id: &str) -> bool {
        let connection = self.0.connection(id);
        connection.inspect(|connection| connection.close(CloseCode::Normal, "removed", None)).is_some()
    }

    /// Closes connections for good (1008, reason `disconnected`, no reconnect), also those that are just being opened; returns
    /// how many.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// # let hub = alk_pubsub_ws_server::WsServerEventTarget::default();
    /// hub.disconnect(|connection| connection.identity().subject() == Some("mallory"));
    /// let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    /// hub.disconnect(|connection| connection.since() < yesterday);
    /// ```
    pub fn disconnect(&self, which: impl Fn(&ConnectionInfo) -> bool) -> usize {
        self.order(which, || Order::Close(CloseCode::Policy, "disconnected", None))
    }

    /// Has the [`Authorizer`](crate::Authorizer) asked again about every interest of these connections, since their rights may
    /// have changed. Those that it does not allow any more end, and the spoke is told by an `__error` for each. Returns how many
    /// connections were told; each does it when its task runs next.
    pub fn revoke(&self, which: impl Fn(&ConnectionInfo) -> bool) -> usize {
        self.order(which, || Order::AskAgain)
    }

    /// Ends interests: those of all connections for which `which` is true. The spoke is told by an `__error` with the code
    /// `forbidden` for each, and may ask for it again. Returns how many connections were told, which are all there are; each does
    /// it when its task runs next.
    pub fn unsubscribe(
        &self,
        which: impl Fn(&ConnectionInfo, &Interest) -> bool + Send + Sync + 'static,
    ) -> usize {
        let which: Arc<Which> = Arc::new(which);
        self.order(|_| true, || Order::Unsubscribe(which.clone()))
    }

    fn order(&self, which: impl Fn(&ConnectionInfo) -> bool, order: impl Fn() -> Order) -> usize {
        // Foreign code and wake-ups run without the lock.
        let connections = self.0.connections_and_arriving().into_iter();
        let connections = connections.filter(|connection| which(connection.info()));
        connections.map(|connection| connection.0.order(order())).count()
    }

    /// The connections there are now, in no order.
    #[must_use]
    pub fn connections(&self) -> Vec<WsConnection> {
        self.0.connections()
    }

    /// The connection with this id.
    #[must_use]
    pub fn connection(&self, id: &str) -> Option<WsConnection> {
        self.0.connection(id)
    }

    /// Has `callback` called for each connection that is made from now on, before anything is read from it.
    pub fn on_connection(&self, callback: impl Fn(&WsConnection) + Send + Sync + 'static) {
        self.0.on_connection.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(callback));
    }

    /// Has `callback` called for each connection that ends from now on, by the connection's task.
    pub fn on_disconnection(&self, callback: impl Fn(&WsConnection, Disconnected) + Send + Sync + 'static) {
        self.0.on_disconnection.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(callback));
    }

    /// Counters.
    #[must_use]
    pub fn ws_stats(&self) -> WsServerStats {
        let stats = &self.0.stats;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        WsServerStats {
            connections: self.0.count() as u64,
            opened: read(&self.0.opened),
            turned_away: read(&self.0.turned_away),
            frames_in: read(&stats.frames_in),
            published: read(&stats.published),
            events_out: read(&stats.events_out),
            missed: read(&stats.missed),
            gaps: read(&stats.gaps),
            refused: ErrorCode::ALL.into_iter().zip(stats.refused.iter().map(read)).collect(),
        }
    }

    /// Shuts down: takes no new connection, tells every spoke to come back a little later (`__close`, then 1001), and
    /// cuts off who is still there after `deadline`.
    ///
    /// Cancel safe: dropped, the connections go on closing, and nobody is cut off.
    pub async fn drain(&self, deadline: Duration) {
        self.0.draining.store(true, Ordering::Release);
        let until = tokio::time::Instant::now() + deadline;
        for batch in self.0.connections_and_arriving().chunks(DRAIN_BATCH) {
            for connection in batch {
                let retry_ms = rand::rng().random_range(RETRY_MS);
                connection.close(CloseCode::GoingAway, "shutdown", Some(retry_ms));
            }
            tokio::task::yield_now().await;
        }
        self.0.tasks.close();
        if tokio::time::timeout_at(until, self.0.tasks.wait()).await.is_err() {
            let left = self.0.connections_and_arriving();
            tracing::warn!(connections = left.len(), "cutting off connections at the drain deadline");
            left.iter().for_each(|connection| connection.0.order(Order::Cut));
            let _ = tokio::time::timeout(CUT_GRACE, self.0.tasks.wait()).await;
        }
    }
}

impl Default for WsServerEventTarget {
    /// A hub in this process.
    fn default() -> Self {
        Self::new(InProcessEventTarget::in_process())
    }
}

impl EventTarget for WsServerEventTarget {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        self.0.target.dispatch_event(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.0.target.try_dispatch_event(event)
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        self.0.target.route(topic)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.0.target.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.target.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.0.target.subscribe_raw(interest, bounds)
    }

    /// Closes the target that is served, which ends all connections.
    fn close(&self) -> TargetFuture<Result<(), Error>> {
        for connection in self.0.connections_and_arriving() {
            connection.close(CloseCode::GoingAway, "closed", None);
        }
        self.0.target.close()
    }

    fn state(&self) -> StateWatch {
        self.0.target.state()
    }

    fn stats(&self) -> Stats {
        self.0.target.stats()
    }

    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        self.0.target.probe_latency(probe)
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        self.0.target.interests(most)
    }
}
