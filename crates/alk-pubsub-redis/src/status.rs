//! The state of the connections, as one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alk_pubsub_core::ConnectionState;
use tokio::sync::watch;

use crate::error::Error;

/// How often attempts that fail are spoken of.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The connections that a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Publisher,
    Subscriber,
    Everything,
}

/// Of one attempt to connect, the first or a later one.
pub(crate) fn connect_span(part: Part) -> tracing::Span {
    tracing::debug_span!("connect", otel.kind = "client", db.system.name = "redis", alk_pubsub.part = ?part)
}

/// Shared between those who keep the connections; says what the target's state is.
#[derive(Debug, Clone)]
pub(crate) struct Status(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Mutex<Parts>,
    state: watch::Sender<ConnectionState>,
    /// Whether anything came of the first attempt to connect.
    tried: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Parts {
    up: [bool; 3],
    been_up: bool,
    /// How often everything was up again.
    reconnects: u64,
    last_error: Option<Error>,
    /// When a failed attempt was last spoken of, since there was a connection.
    spoken: Option<Instant>,
    /// It will not come up any more, and why.
    failed: Option<Error>,
    closed: bool,
}

impl Status {
    pub(crate) fn new() -> Self {
        let parts = Parts { up: [false, false, true], ..Parts::default() };
        Self(Arc::new(Shared {
            parts: Mutex::new(parts),
            state: watch::Sender::new(ConnectionState::Connecting),
            tried: watch::Sender::new(false),
        }))
    }

    /// A connection is there and has what is wanted.
    pub(crate) fn up(&self, part: Part) {
        self.change(|parts| parts.up[part as usize] = true);
    }

    pub(crate) fn down(&self, part: Part) {
        self.change(|parts| parts.up[part as usize] = false);
    }

    /// An attempt to connect failed, or a connection was lost.
    pub(crate) fn failed_attempt(&self, error: Error) {
        self.change(|parts| {
            // One that there is no use in repeating is spoken of as that.
            if error.is_retryable() && parts.spoken.is_none_or(|spoken| spoken.elapsed() >= LOG_EVERY) {
                parts.spoken = Some(Instant::now());
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "not connected to Redis; trying again");
            }
            parts.last_error = Some(error);
        });
    }

    /// There will be no further attempt.
    pub(crate) fn fail(&self, error: Error) {
        self.change(|parts| {
            parts.failed.get_or_insert(error);
        });
    }

    pub(crate) fn close(&self) {
        self.change(|parts| parts.closed = true);
    }

    pub(crate) fn been_up(&self) -> bool {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).been_up
    }

    pub(crate) fn reconnects(&self) -> u64 {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).reconnects
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).failed.clone()
    }

    pub(crate) fn last_error(&self) -> Option<Error> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).last_error.clone()
    }

    /// Waits until there is a connection, or an attempt to make one has failed: for a reason that may pass, or for good.
    ///
    /// Cancel safe.
    pub(crate) async fn tried(&self) {
        let mut tried = self.0.tried.subscribe();
        // It cannot end while this exists.
        let _ = tried.wait_for(|tried| *tried).await;
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.0.state.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        let state = if parts.closed || parts.failed.is_some() {
            ConnectionState::Closed
        } else if parts.up == [true; 3] {
            parts.been_up = true;
            parts.spoken = None;
            ConnectionState::Connected
        } else if parts.been_up {
            ConnectionState::Reconnecting
        } else {
            ConnectionState::Connecting
        };
        // Under the lock, so that states are seen in their order.
        let reconnects = &mut parts.reconnects;
        self.0.state.send_if_modified(|old| {
            let before = std::mem::replace(old, state);
            *reconnects +=
                u64::from((before, state) == (ConnectionState::Reconnecting, ConnectionState::Connected));
            before != state
        });
        let failed = parts.last_error.as_ref().is_some_and(Error::is_retryable);
        if failed || state != ConnectionState::Connecting {
            self.0.tried.send_if_modified(|tried| !std::mem::replace(tried, true));
        }
    }
}
