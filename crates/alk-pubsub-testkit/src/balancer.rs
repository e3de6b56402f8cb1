use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::accept::next_connection;

/// A TCP load balancer: each connection goes to the next server in turn, past those that take none. Dropping it ends it and
/// its connections.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_testkit::Balancer;
///
/// let one = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let other = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let balancer = Balancer::start([one.local_addr()?, other.local_addr()?]).await?;
/// // Clients connect to `balancer.address()`. To restart one, send new connections to the other alone:
/// balancer.send_to([other.local_addr()?]);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct Balancer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    servers: Mutex<Arc<[SocketAddr]>>,
    next: AtomicUsize,
}

impl Balancer {
    /// A balancer in front of these servers, on a port of its own.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn start(servers: impl Into<Arc<[SocketAddr]>>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { servers: Mutex::new(servers.into()), next: AtomicUsize::new(0) });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections go to these; those there are stay where they are.
    pub fn send_to(&self, servers: impl Into<Arc<[SocketAddr]>>) {
        *self.shared.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers.into();
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // They end with the task.
    let mut connections = JoinSet::new();
    loop {
        let client = next_connection(&listener).await;
        connections.spawn(connection(client, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Nobody hears why it could not be: there is nobody to do anything about it but the client, who sees it end.
async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let Some(mut server) = shared.connect().await else { return };
    if client.set_nodelay(true).is_ok() && server.set_nodelay(true).is_ok() {
        drop(copy_bidirectional(&mut client, &mut server).await);
    }
}

impl Shared {
    /// A connection to the next server that takes one; `None` if none does.
    async fn connect(&self) -> Option<TcpStream> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..servers.len() {
            if let Ok(server) = TcpStream::connect(servers[first.wrapping_add(turn) % servers.len()]).await {
                return Some(server);
            }
        }
        None
    }
}
