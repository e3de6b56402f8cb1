use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, EventTarget, Overflow};

use crate::bond::Bond;
use crate::error::{Error, ErrorKind};
use crate::host_target::WorkerHostEventTarget;
use crate::outcome::IntoOutcome;
use crate::process::start as launch_process;
use crate::restart::Restarts;
use crate::space::Space;
use crate::thread::{self, WorkerThreadEventTarget};
use crate::worker::Worker;

/// Starts workers, and says what they share with their host.
///
/// By default each worker has a topic space of its own with its host. With [`over`](Self::over), all of them take part in that of
/// another target:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, InProcessEventTarget, PubSub};
/// use alk_pubsub_worker::WorkerHost;
///
/// let target = InProcessEventTarget::in_process(); // or one over Redis
/// let host = WorkerHost::over(target.clone());
/// let mut ticks = PubSub::<Dynamic>::new(target).subscribe("tick").await?;
///
/// let (_target, worker) = host.spawn("clock", |target| async move {
///     PubSub::<Dynamic>::new(target).publish("tick", "a", 1.into()).await.map(drop)
/// })?;
///
/// assert_eq!(ticks.recv().await.expect("open").payload().as_u64(), Some(1));
/// assert!(worker.join().await.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct WorkerHost {
    shared: Option<Arc<dyn EventTarget>>,
    close_timeout: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) heartbeat_timeout: Duration,
    pub(crate) max_frame_bytes: usize,
    pub(crate) queue: Bounds,
}

impl WorkerHost {
    /// Each worker has a topic space of its own with its host.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: None,
            close_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
            max_frame_bytes: 16 << 20,
            queue: Bounds::default(),
        }
    }

    /// The workers take part in the topic space of this target. It outlives them, and so do subscriptions that were made at the target
    /// itself and not at a worker's host target.
    pub fn over(target: impl EventTarget) -> Self {
        Self { shared: Some(Arc::new(target)), ..Self::new() }
    }

    /// How long a worker that is closed has to finish. Default 5 s.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// After how much silence (±20 %) a process is asked for a sign of life, and how long later it is given up and killed. A process
    /// whose runtime is blocked gives none, so long computations belong on threads of their own there. Default 25 s and 10 s.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.heartbeat, self.heartbeat_timeout) = (interval, timeout);
        self
    }

    /// The largest frame that is taken from a process, in bytes; a larger event fails in the process as
    /// [`TooLarge`](alk_pubsub_core::ErrorKind::TooLarge). Default 16 MiB.
    #[must_use]
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// How many events may wait on their way to a process; beyond that the oldest are left out, and the process sees a gap. Default:
    /// the default [`Bounds`], 1024 events and 4 MiB. Bounds of nothing, and those that make publishers wait, are refused as
    /// [`Config`](crate::ErrorKind::Config) when a process is started.
    #[must_use]
    pub fn queue(mut self, bounds: Bounds) -> Self {
        self.queue = bounds;
        self
    }

    /// Runs `main` as a worker on a thread of its own, with a current-thread Tokio runtime of its own.
    ///
    /// What it does there disturbs nobody, blocking included. Its future need not be `Send`. It may return nothing or a `Result`, see
    /// [`IntoOutcome`]. Tasks it has spawned end with it.
    ///
    /// # Errors
    ///
    /// [`Spawn`](crate::ErrorKind::Spawn): the system has no thread or no runtime for it.
    pub fn spawn<F, Fut>(
        &self,
        name: impl Into<String>,
        main: F,
    ) -> Result<(WorkerHostEventTarget, Worker), Error>
    where
        F: FnOnce(WorkerThreadEventTarget) -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: IntoOutcome,
    {
        self.start_thread(name.into(), thread::once(main), Restarts::never())
    }

    /// Starts a program as a worker, a process of its own; [`from_parent`](crate::from_parent) is the other side of this.
    ///
    /// The program's standard input is the link to its host. Its standard output and error stay its own: what the command says of them
    /// holds, and by default they are the host's. Where they are piped, they are read to their end and logged, line by line.
    ///
    /// # Errors
    ///
    /// [`Spawn`](crate::ErrorKind::Spawn): the program cannot be started. [`Config`](crate::ErrorKind::Config): the
    /// [`queue`](Self::queue) is none for a process. [`Unsupported`](crate::ErrorKind::Unsupported) where there are no Unix sockets.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with a clock and input and output.
    pub fn process(&self, command: Command) -> Result<(WorkerHostEventTarget, Worker), Error> {
        self.start_process(command, Restarts::never())
    }

    pub(crate) fn start_thread(
        &self,
        name: String,
        lives: thread::Lives,
        restarts: Restarts,
    ) -> Result<(WorkerHostEventTarget, Worker), Error> {
        let own = if restarts.is_never() { Space::blocking } else { Space::gapped };
        let bond = self.bond(own);
        thread::start(&name, lives, restarts, bond.clone())?;
        Ok(self.handles(name.into(), bond))
    }

    pub(crate) fn start_process(
        &self,
        command: Command,
        restarts: Restarts,
    ) -> Result<(WorkerHostEventTarget, Worker), Error> {
        self.check_queue()?;
        let bond = self.bond(Space::gapped);
        let name: Arc<str> = command.get_program().to_string_lossy().into();
        launch_process(self, name.clone(), command, restarts, bond.clone())?;
        Ok(self.handles(name, bond))
    }

    /// Otherwise each of the process's subscriptions would fail, and only there.
    fn check_queue(&self) -> Result<(), Error> {
        let wrong = |message: &'static str| Err(Error::new(ErrorKind::Config, message));
        if self.queue.max_events() == 0 || self.queue.max_bytes() == 0 {
            return wrong("the queue to a process must be allowed at least one event and byte");
        }
        if self.queue.policy() == Overflow::Block {
            return wrong("publishers cannot be made to wait for a process");
        }
        Ok(())
    }

    fn bond(&self, own: fn() -> Space) -> Arc<Bond> {
        Bond::new(self.shared.as_ref().map_or_else(own, |target| Space::Shared(target.clone())))
    }

    fn handles(&self, name: Arc<str>, bond: Arc<Bond>) -> (WorkerHostEventTarget, Worker) {
        let target = WorkerHostEventTarget::new(bond.clone(), self.close_timeout);
        (target, Worker::new(name, bond, self.close_timeout))
    }
}

impl Default for WorkerHost {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WorkerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHost")
            .field("shared", &self.shared.is_some())
            .field("close_timeout", &self.close_timeout)
            .field("heartbeat", &(self.heartbeat, self.heartbeat_timeout))
            .field("max_frame_bytes", &self.max_frame_bytes)
            .field("queue", &self.queue)
            .finish()
    }
}
