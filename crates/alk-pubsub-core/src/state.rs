//! Whether a target is connected.

use tokio::sync::watch;

/// How a target stands to its transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It has not been connected yet.
    Connecting,
    /// Connected, and all interests are confirmed.
    Connected,
    /// The connection was lost and is being made again.
    Reconnecting,
    /// Closed, for good.
    Closed,
}

/// A [`ConnectionState`] and its changes.
#[derive(Debug, Clone)]
pub struct StateWatch(watch::Receiver<ConnectionState>);

impl StateWatch {
    /// The state now.
    #[must_use]
    pub fn current(&self) -> ConnectionState {
        *self.0.borrow()
    }

    /// Waits for a change and returns the new state. For ever once the target is closed.
    ///
    /// Cancel safe: no change is lost, though of several in between only the last is seen.
    pub async fn changed(&mut self) -> ConnectionState {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }

    /// Waits until the target is connected; `false` if it was closed instead.
    ///
    /// Cancel safe.
    pub async fn wait_connected(&mut self) -> bool {
        let decided =
            |state: &ConnectionState| matches!(state, ConnectionState::Connected | ConnectionState::Closed);
        match self.0.wait_for(decided).await {
            Ok(state) => *state == ConnectionState::Connected,
            Err(_) => false,
        }
    }
}

impl From<watch::Receiver<ConnectionState>> for StateWatch {
    fn from(watch: watch::Receiver<ConnectionState>) -> Self {
        Self(watch)
    }
}
