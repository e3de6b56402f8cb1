//! How the hub ends.

use std::io;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::hub::Hub;

/// What connections that are cut have to end.
const CUT: Duration = Duration::from_secs(1);

/// The signals that ask the hub to end.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From here on signals do not end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one. Cancel safe.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// From here on Ctrl-C does not end the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one. Cancel safe.
    pub(super) async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}

/// Lets everybody go: who publishes is told how far it came, WebSockets and event streams when to come back. What is
/// still there at the deadline is cut.
pub(super) async fn drain(hub: &Hub, clients: &TaskTracker, cut: &CancellationToken, deadline: Duration) {
    let start = Instant::now();
    hub.draining.cancel();
    hub.publish.close();
    hub.sse.close();
    clients.close();
    let all = async { tokio::join!(hub.ws.drain(deadline), clients.wait()) };
    let in_time = tokio::time::timeout(deadline, all).await.is_ok();
    cut.cancel();
    if !in_time {
        tracing::warn!(
            connections = clients.len(),
            sockets = hub.seats.taken(),
            "cut what was left at the drain deadline"
        );
        // They end by themselves now; the process does not depend on it.
        let _ = tokio::time::timeout(CUT, clients.wait()).await;
    }
    // In process there is nothing to send any more.
    let _ = hub.target.close().await;
    tracing::info!(seconds = start.elapsed().as_secs_f64(), "drained");
}
