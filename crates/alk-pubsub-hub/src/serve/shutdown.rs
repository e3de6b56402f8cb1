//! How the hub ends.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::hub::Hub;

/// What connections that are cut have to end.
const CUT: Duration = Duration::from_secs(1);

/// Lets everybody go: who publishes is told how far it came, WebSockets and event streams when to come back. What is
/// still there at the deadline is cut.
pub(super) async fn drain(hub: &Hub, clients: &TaskTracker, cut: &CancellationToken, deadline: Duration) {
    let start = Instant::now();
    hub.draining.cancel();
    hub.publish.close();
    hub.sse.close();
    clients.close();
    let all = async { tokio::join!(hub.ws.drain(deadline), clients.wait()) };
    let in_time = timeout(deadline, all).await.is_ok();
    cut.cancel();
    if !in_time {
        tracing::warn!(
            connections = clients.len(),
            sockets = hub.seats.taken(),
            "cut what was left at the drain deadline"
        );
        // They end by themselves now; the process does not depend on it.
        let _ = timeout(CUT, clients.wait()).await;
    }
    // In process there is nothing to send any more, and what stands behind us may not be there to take it.
    let left = deadline.saturating_sub(start.elapsed()).max(CUT);
    if !matches!(timeout(left, hub.target.close()).await, Ok(Ok(()))) {
        tracing::warn!("the upstream may not have taken everything");
    }
    tracing::info!(seconds = start.elapsed().as_secs_f64(), "drained");
}
