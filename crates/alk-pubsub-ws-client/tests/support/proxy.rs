//! A TCP proxy that does to connections what networks do: cuts, delays, halves and stalls them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Something that happens to one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Both directions end at once.
    Cut,
    /// What comes next waits for so long.
    Delay(Duration),
    /// A part of what comes next is passed on, then both directions end.
    Halve,
    /// Nothing more is passed on, and nobody is told, until the proxy heals.
    Stall,
}

/// The faults of a proxy: the same seed, the same faults, for connections made in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Where the randomness starts.
    pub seed: u64,
    /// A fault comes after this many bytes at most.
    pub within_bytes: u64,
    /// The longest delay.
    pub max_delay: Duration,
}

/// A proxy in front of a server. Dropping it ends it and its connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    schedule: Schedule,
    healthy: AtomicBool,
    faults: AtomicU64,
    /// Counts up when all connections are to end.
    generation: watch::Sender<u64>,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn fault(&mut self, schedule: &Schedule) -> (u64, Fault) {
        let after = self.below(schedule.within_bytes);
        let fault = match self.below(8) {
            0 => Fault::Cut,
            1 => Fault::Halve,
            2 => Fault::Stall,
            _ => {
                let most = u64::try_from(schedule.max_delay.as_micros()).unwrap_or(u64::MAX);
                Fault::Delay(Duration::from_micros(self.below(most)))
            }
        };
        (after, fault)
    }
}

impl Proxy {
    /// A proxy in front of `upstream`, on a port of its own.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub async fn start(upstream: SocketAddr, schedule: Schedule) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            schedule,
            healthy: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            generation: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many faults there were.
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// Ends the connections there are; those that follow have no faults.
    pub fn heal(&self) {
        self.shared.healthy.store(true, Ordering::Release);
        self.cut();
    }

    /// Ends the connections there are.
    pub fn cut(&self) {
        self.shared.generation.send_modify(|generation| *generation += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    while let Ok((client, _)) = listener.accept().await {
        number += 1;
        connections.spawn(connection(client, number, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, number: u64, shared: Arc<Shared>) {
    let mut generation = shared.generation.subscribe();
    generation.mark_unchanged();
    let Ok(server) = TcpStream::connect(shared.upstream).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever ends first ends both.
    tokio::select! {
        () = pass(from_client, to_server, Random(shared.schedule.seed ^ (number << 32)), &shared) => {}
        () = pass(from_server, to_client, Random(shared.schedule.seed ^ (number << 32) ^ 1), &shared) => {}
        _ = generation.changed() => {}
    }
}

/// Passes bytes on, with faults, until one end is closed or a fault ends it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut random: Random, shared: &Shared) {
    let mut buffer = vec![0; 4096];
    let (mut left, mut fault) = random.fault(&shared.schedule);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &buffer[..read];
        while !shared.healthy.load(Ordering::Acquire) && left < bytes.len() as u64 {
            let (before, after) = bytes.split_at(usize::try_from(left).unwrap_or_default());
            if to.write_all(before).await.is_err() {
                return;
            }
            bytes = after;
            shared.faults.fetch_add(1, Ordering::Relaxed);
            match fault {
                Fault::Cut => return,
                Fault::Halve => {
                    drop(to.write_all(&bytes[..bytes.len().div_ceil(2)]).await);
                    return;
                }
                Fault::Stall => std::future::pending().await,
                Fault::Delay(delay) => tokio::time::sleep(delay).await,
            }
            (left, fault) = random.fault(&shared.schedule);
        }
        left = left.saturating_sub(bytes.len() as u64);
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
