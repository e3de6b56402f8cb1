use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::{Either, select};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::fault::Schedule;
use super::forward::{Counters, Ended, Faults, forward};
use crate::accept::next_connection;

/// A proxy in front of a server, with faults. Dropping it ends it and its connections.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use alk_pubsub_testkit::{Proxy, Schedule};
///
/// let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let faults = Schedule::random(17, 5000, Duration::from_millis(20));
/// let proxy = Proxy::start(server.local_addr()?, faults).await?;
/// // Clients connect to `proxy.address()`. When it was enough:
/// proxy.heal();
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// How many faults there were of each kind, see [`Proxy::faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FaultCounts {
    /// See [`Fault::Cut`](super::Fault::Cut).
    pub cuts: u64,
    /// See [`Fault::Delay`](super::Fault::Delay).
    pub delays: u64,
    /// See [`Fault::Halve`](super::Fault::Halve).
    pub halves: u64,
    /// See [`Fault::Stall`](super::Fault::Stall).
    pub stalls: u64,
    /// See [`Fault::Throttle`](super::Fault::Throttle).
    pub throttles: u64,
    /// See [`Fault::Garble`](super::Fault::Garble).
    pub garbles: u64,
}

impl std::ops::AddAssign for FaultCounts {
    fn add_assign(&mut self, more: Self) {
        self.cuts += more.cuts;
        self.delays += more.delays;
        self.halves += more.halves;
        self.stalls += more.stalls;
        self.throttles += more.throttles;
        self.garbles += more.garbles;
    }
}

struct Shared {
    server: SocketAddr,
    faults: Faults,
    down: AtomicBool,
    /// Counts up when all connections are to end.
    generation: watch::Sender<u64>,
}

impl Proxy {
    /// A proxy in front of `server`, on a port of its own.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn start(server: SocketAddr, schedule: Schedule) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (healthy, throttle) = (AtomicBool::new(false), AtomicU64::new(0));
        let faults = Faults { schedule, healthy, throttle, counters: Counters::default() };
        let generation = watch::Sender::new(0);
        let shared = Arc::new(Shared { server, faults, down: AtomicBool::new(false), generation });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many faults of the schedule there were, of each kind.
    #[must_use]
    pub fn faults(&self) -> FaultCounts {
        let Counters { cuts, delays, halves, stalls, throttles, garbles } = &self.shared.faults.counters;
        let [cuts, delays, halves, stalls, throttles, garbles] =
            [cuts, delays, halves, stalls, throttles, garbles].map(|count| count.load(Ordering::Relaxed));
        FaultCounts { cuts, delays, halves, stalls, throttles, garbles }
    }

    /// Ends the connections there are; those that follow have no faults.
    pub fn heal(&self) {
        self.shared.faults.healthy.store(true, Ordering::Release);
        self.cut();
    }

    /// Ends the connections there are.
    pub fn cut(&self) {
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    /// Ends the connections there are, and those that are made until it is [up](Self::up) again.
    pub fn down(&self) {
        self.shared.down.store(true, Ordering::Release);
        self.cut();
    }

    /// From now on each direction of each connection passes on at most so many bytes a second; 0 for as many as there are.
    pub fn throttle(&self, bytes_per_second: u64) {
        self.shared.faults.throttle.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Takes connections again.
    pub fn up(&self) {
        self.shared.down.store(false, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("server", &self.shared.server)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // They end with the task.
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        let client = next_connection(&listener).await;
        number += 1;
        connections.spawn(connection(client, number, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, number: u64, shared: Arc<Shared>) {
    let mut generation = shared.generation.subscribe();
    if shared.down.load(Ordering::Acquire) {
        return;
    }
    let Ok(server) = TcpStream::connect(shared.server).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let schedule = &shared.faults.schedule;
    let up = pin!(forward(from_client, to_server, schedule.stream(number, 0), &shared.faults));
    let down = pin!(forward(from_server, to_client, schedule.stream(number, 1), &shared.faults));
    let both = pin!(async {
        match select(up, down).await {
            // One side may have said all it has to say and still listen.
            Either::Left((Ended::InOrder, other)) | Either::Right((Ended::InOrder, other)) => _ = other.await,
            Either::Left((Ended::Broken, _)) | Either::Right((Ended::Broken, _)) => {}
        }
    });
    select(both, pin!(generation.changed())).await;
}
