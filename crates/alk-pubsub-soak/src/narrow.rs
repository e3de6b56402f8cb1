//! A way to a hub that is narrow most of the time: who is behind it reads more slowly than events come.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

/// So long it is narrow, and then so long it is not. Together longer than it takes a hub's queue to overflow, and shorter
/// than anybody waits for what it is owed.
const NARROW: Duration = Duration::from_secs(9);
const WIDE: Duration = Duration::from_secs(3);
/// While it is narrow: so much, so often.
const DRIP: usize = 512;
const PAUSE: Duration = Duration::from_millis(50);

/// What the kernel keeps for a reader that does not read is counted in segments, which on the loopback are huge. With these
/// it is a hundred kilobytes instead of three megabytes.
const SEGMENT: u32 = 1400;
const ROOM: u32 = 4096;

/// The way itself. Dropping it ends it and the connections through it.
pub(crate) struct Narrow {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Narrow {
    pub(crate) async fn start(hub: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            // They end with the task.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connection(client, hub));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whichever end closes first, or is away, ends both.
async fn connection(client: TcpStream, hub: SocketAddr) {
    let Ok(hub) = connect(hub).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_hub, mut to_hub) = hub.into_split();
    let up = pin!(tokio::io::copy(&mut from_client, &mut to_hub));
    let down = pin!(pour(from_hub, to_client));
    tokio::select! {
        _ = up => {}
        _ = down => {}
    }
}

async fn connect(hub: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(ROOM)?;
    SockRef::from(&socket).set_tcp_mss(SEGMENT)?;
    socket.connect(hub).await
}

async fn pour(mut hub: OwnedReadHalf, mut client: OwnedWriteHalf) -> std::io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        // Wide at first, so that a handshake and a subscription are not slow too.
        let until = Instant::now() + WIDE;
        while let Ok(read) = timeout_at(until, hub.read(&mut piece)).await {
            match read? {
                0 => return Ok(()),
                read => client.write_all(&piece[..read]).await?,
            }
        }
        let until = Instant::now() + NARROW;
        while Instant::now() < until {
            sleep(PAUSE).await;
            match hub.read(&mut piece[..DRIP]).await? {
                0 => return Ok(()),
                read => client.write_all(&piece[..read]).await?,
            }
        }
    }
}
