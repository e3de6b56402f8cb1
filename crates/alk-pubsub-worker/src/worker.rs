use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bond::Bond;
use crate::outcome::Outcome;

/// A worker's life: waits for its end, and brings it about.
///
/// Dropping it ends the worker: a thread's future is dropped at its next `await`, a process is killed; subscriptions that the host
/// made through the worker's host target end. Dropping never waits.
#[must_use = "dropping it ends the worker"]
pub struct Worker {
    name: Arc<str>,
    bond: Arc<Bond>,
    close_timeout: Duration,
}

impl Worker {
    pub(crate) fn new(name: Arc<str>, bond: Arc<Bond>, close_timeout: Duration) -> Self {
        Self { name, bond, close_timeout }
    }

    /// The thread's name, or the program's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the worker's process; `None` for a thread, and while there is no process.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.bond.process()
    }

    /// How it has ended; `None` while it has not.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.bond.life.outcome()
    }

    /// Waits until the worker has said that it is ready, which is for it to say; see
    /// [`WorkerThreadEventTarget::ready`](crate::WorkerThreadEventTarget::ready). One that was restarted says so again, and until then
    /// the host target's state is [`Reconnecting`](alk_pubsub_core::ConnectionState::Reconnecting).
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// It has ended without saying so, like this.
    pub async fn ready(&self) -> Result<(), Outcome> {
        self.bond.life.until_ready().await
    }

    /// Waits until the worker has ended by itself, which for a worker that waits for events is never.
    ///
    /// Cancel safe.
    pub async fn join(&self) -> Outcome {
        self.bond.life.ended().await
    }

    /// Asks the worker to end, and makes it end when it has not within the host's
    /// [`close_timeout`](crate::WorkerHost::close_timeout).
    ///
    /// The worker's subscriptions hand out what they hold and end, and its [`closed`](crate::WorkerThreadEventTarget::closed)
    /// resolves. What it publishes while it finishes still arrives; the host's subscriptions end after that. A thread that still runs
    /// at the deadline has its future dropped, a process is killed.
    ///
    /// Cancel safe in that it can be called again: dropped before it resolved, the worker was asked to end, and nobody watches the
    /// deadline.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with a clock.
    pub async fn close(&self) -> Outcome {
        self.close_within(self.close_timeout).await
    }

    /// As [`close`](Self::close), with a deadline of its own.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with a clock.
    pub async fn close_within(&self, deadline: Duration) -> Outcome {
        self.bond.close_within(deadline).await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.bond.let_go();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("outcome", &self.outcome())
            .finish_non_exhaustive()
    }
}
