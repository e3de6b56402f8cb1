use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::host::WorkerHost;
use crate::host_target::WorkerHostEventTarget;
use crate::outcome::IntoOutcome;
use crate::restart::Restarts;
use crate::thread::{self, WorkerThreadEventTarget};
use crate::worker::Worker;

/// Starts workers again that have ended otherwise than by finishing.
///
/// The host's subscriptions go on, with a [`Reconnected`](alk_pubsub_core::GapReason::Reconnected) gap where the worker was missing;
/// the worker subscribes anew, as its program says. The [`Worker`] that it hands out stands for all of the restarts: its outcome is
/// that of the last, [`GaveUp`](crate::Outcome::GaveUp) when there were too many.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use alk_pubsub_worker::{Outcome, Supervisor, WorkerHost, WorkerThreadEventTarget};
///
/// async fn careless(_: WorkerThreadEventTarget) {
///     panic!("again")
/// }
///
/// let supervisor = Supervisor::new(WorkerHost::new())
///     .at_most(2, Duration::from_secs(60))
///     .delay(Duration::from_millis(1), Duration::from_millis(10));
/// let (_host, worker) = supervisor.spawn("careless", careless)?;
/// assert!(matches!(worker.join().await, Outcome::GaveUp { restarts: 2, .. }));
/// # Ok::<(), alk_pubsub_worker::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Supervisor {
    host: WorkerHost,
    restarts: Restarts,
}

impl Supervisor {
    /// Restarts workers of this host: at most 5 times in a minute, after 100 ms at first and up to 10 s later.
    #[must_use]
    pub fn new(host: WorkerHost) -> Self {
        Self { host, restarts: Restarts::at_most(5, Duration::from_secs(60)) }
    }

    /// How often a worker is restarted within any time as long as `window`, before it is given up. Default 5 times in a minute.
    #[must_use]
    pub fn at_most(mut self, restarts: u32, window: Duration) -> Self {
        (self.restarts.most, self.restarts.window) = (restarts, window);
        self
    }

    /// How long to wait before a restart: `min` before the first in the window, twice as long before each further one, `max` at most.
    /// Default 100 ms and 10 s.
    #[must_use]
    pub fn delay(mut self, min: Duration, max: Duration) -> Self {
        (self.restarts.min_delay, self.restarts.max_delay) = (min, max);
        self
    }

    /// As [`WorkerHost::spawn`], with restarts; each calls `main` again.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn spawn<F, Fut>(
        &self,
        name: impl Into<String>,
        main: F,
    ) -> Result<(WorkerHostEventTarget, Worker), Error>
    where
        F: FnMut(WorkerThreadEventTarget) -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: IntoOutcome,
    {
        self.host.start_thread(name.into(), thread::many(main), self.restarts.clone())
    }

    /// As [`WorkerHost::process`], with restarts; each starts the program again.
    ///
    /// # Errors
    ///
    /// As there, for the first start. That it cannot be started again counts as an end.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn process(&self, command: Command) -> Result<(WorkerHostEventTarget, Worker), Error> {
        self.host.start_process(command, self.restarts.clone())
    }
}
