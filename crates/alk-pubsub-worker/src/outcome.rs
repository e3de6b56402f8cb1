//! How a worker ended.

use std::any::Any;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// How a worker ended.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_worker::{Outcome, WorkerThreadEventTarget, spawn};
///
/// async fn careless(_: WorkerThreadEventTarget) {
///     panic!("out of luck")
/// }
///
/// let (_host, worker) = spawn("careless", careless)?;
/// let Outcome::Panicked(message) = worker.join().await else { panic!() };
/// assert_eq!(message, "out of luck");
/// # Ok::<(), alk_pubsub_worker::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// By itself: the thread's future returned, the process exited with 0.
    Finished,
    /// The thread's future returned an error, which is the [`source`](std::error::Error::source) of this one.
    Failed(Error),
    /// The thread panicked with this message. A process that panics has [exited](Self::Exited) with 101.
    Panicked(String),
    /// The process exited with this status, which is not 0.
    Exited(i32),
    /// The process was killed by this signal, which the host did not send.
    Signalled(i32),
    /// It did not end in time, or its handle was dropped: the thread's future was dropped, or the process killed.
    Cancelled,
    /// The thread did not end in time and blocks, so that its future cannot be dropped either. A thread cannot be killed: this one
    /// goes on until whatever blocks it returns, cut off from its host.
    Abandoned,
    /// The link to the process broke, or the process gave no sign of life; it was killed.
    Lost(Error),
    /// A [`Supervisor`](crate::Supervisor) has restarted it so often, and this is how it ended the last time.
    GaveUp {
        /// How often it was restarted within the supervisor's window.
        restarts: u32,
        /// How it ended the last time.
        last: Box<Outcome>,
    },
}

impl Outcome {
    /// Whether it ended by itself and without a complaint.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Finished)
    }

    /// Of a panic with this payload.
    pub(crate) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(message), _) => (*message).to_owned(),
            (_, Some(message)) => message.clone(),
            _ => "a panic without a message".to_owned(),
        };
        Outcome::Panicked(message)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Finished => f.write_str("finished"),
            Outcome::Failed(_) => f.write_str("failed"),
            Outcome::Panicked(message) => write!(f, "panicked: {message}"),
            Outcome::Exited(status) => write!(f, "exited with status {status}"),
            Outcome::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Outcome::Cancelled => f.write_str("cancelled"),
            Outcome::Abandoned => f.write_str("abandoned: it blocks and cannot be ended"),
            Outcome::Lost(error) => write!(f, "lost: {error}"),
            Outcome::GaveUp { restarts, last } => write!(f, "{last}; given up after {restarts} restarts"),
        }
    }
}

/// What a worker thread's future may return: nothing, or a result.
pub trait IntoOutcome {
    /// How the worker ended, if it ended like this.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Outcome::Finished
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(()) => Outcome::Finished,
            Err(error) => {
                Outcome::Failed(Error::with_source(ErrorKind::Failed, "the worker returned an error", error))
            }
        }
    }
}
