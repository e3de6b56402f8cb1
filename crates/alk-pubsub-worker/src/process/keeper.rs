use std::future::poll_fn;
use std::os::unix::process::ExitStatusExt;
use std::pin::{Pin, pin};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use alk_pubsub_link::{
    ConnectionInfo, Error as LinkError, ErrorKind as LinkErrorKind, Limits, ServeOptions, serve,
};
use futures_util::future::{join, select};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::launch::{Launched, launch};
use super::log::log_output;
use crate::bond::{Bond, Ending};
use crate::error::{Error, ErrorKind};
use crate::host::WorkerHost;
use crate::outcome::Outcome;
use crate::restart::{Next, Restarts};

/// How long what a process has left behind is read after it has exited; its own children may keep a pipe open for longer.
const REST: Duration = Duration::from_secs(1);

/// Starts a process, and a task that keeps it to its end.
pub(crate) fn start(
    host: &WorkerHost,
    name: Arc<str>,
    command: Command,
    restarts: Restarts,
    bond: Arc<Bond>,
) -> Result<(), Error> {
    let mut command = tokio::process::Command::from(command);
    let launched = launch(&mut command, host.max_frame_bytes)?;
    bond.set_process(launched.child.id());
    let keeper =
        Keeper { name, command, max_frame_bytes: host.max_frame_bytes, limits: Arc::new(limits(host)), bond };
    drop(tokio::spawn(keeper.run(launched, restarts)));
    Ok(())
}

/// The host has started the process itself, so it is not held to what is meant for strangers.
fn limits(host: &WorkerHost) -> Limits {
    let mut limits = Limits::default();
    limits.max_frame_bytes = host.max_frame_bytes;
    limits.max_topics = 1 << 20;
    limits.queue = host.queue;
    limits.control_rate = u32::MAX;
    limits.control_burst = u32::MAX;
    limits.heartbeat = host.heartbeat;
    limits.heartbeat_timeout = host.heartbeat_timeout;
    limits
}

struct Keeper {
    name: Arc<str>,
    command: tokio::process::Command,
    max_frame_bytes: usize,
    limits: Arc<Limits>,
    bond: Arc<Bond>,
}

/// The link's task, which ends with whoever waits for it.
struct Serving(JoinHandle<Result<(), LinkError>>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a process is not waited for any longer.
enum Why {
    Exited(std::io::Result<ExitStatus>),
    Broken(LinkError),
    Cancelled,
}

impl Keeper {
    async fn run(mut self, launched: Launched, mut restarts: Restarts) {
        let ending = Ending(self.bond.clone());
        let mut launched = Ok(launched);
        let outcome = loop {
            let outcome = match launched {
                Ok(launched) => self.keep(launched).await,
                Err(error) => Outcome::Failed(error),
            };
            self.bond.set_process(None);
            match restarts.after(outcome, self.bond.life.is_to_end(), Instant::now()) {
                Next::End(outcome) => break outcome,
                Next::Restart(delay) => {
                    self.bond.interrupted();
                    tracing::warn!(worker = &*self.name, ?delay, "a worker process will be restarted");
                    select(pin!(tokio::time::sleep(delay)), pin!(self.bond.life.closing())).await;
                    if self.bond.life.is_to_end() {
                        break Outcome::Cancelled;
                    }
                    launched = launch(&mut self.command, self.max_frame_bytes);
                    if let Ok(launched) = &launched {
                        self.bond.set_process(launched.child.id());
                        self.bond.restarted();
                    }
                }
            }
        };
        ending.0.end(outcome);
    }

    /// Keeps a process to its end.
    async fn keep(&self, launched: Launched) -> Outcome {
        let Launched { mut child, port, control } = launched;
        let mut output = Box::pin(Some(log_output(&mut child, &self.name)));
        let connection = ConnectionInfo::new(&*self.name, None);
        let options = ServeOptions::new(connection).limits(self.limits.clone());
        // A task of its own, so that a wake-up of the link does not look at all the rest.
        let mut serving = Some(Serving(tokio::spawn(serve(self.bond.target(), port, options))));
        let why = {
            let mut exit = pin!(child.wait());
            let mut cancelled = pin!(self.bond.life.cancelled());
            let mut closing = pin!(Some(self.bond.life.closing()));
            let mut ready = pin!(Some(control.heard(|heard| heard.ready)));
            poll_fn(|cx| {
                if closing.as_mut().as_pin_mut().is_some_and(|closing| closing.poll(cx).is_ready()) {
                    closing.set(None);
                    control.say_end();
                }
                if let Some(served) = &mut serving
                    && let Poll::Ready(served) = Pin::new(&mut served.0).poll(cx)
                {
                    serving = None;
                    match served {
                        Ok(Ok(())) => {}
                        Ok(Err(broken)) => return Poll::Ready(Why::Broken(broken)),
                        Err(panic) => {
                            let message = "the task of the link panicked";
                            let broken = LinkError::with_source(LinkErrorKind::Protocol, message, panic);
                            return Poll::Ready(Why::Broken(broken));
                        }
                    }
                }
                if ready.as_mut().as_pin_mut().is_some_and(|ready| ready.poll(cx).is_ready()) {
                    ready.set(None);
                    self.bond.set_ready();
                }
                if output.as_mut().as_pin_mut().is_some_and(|output| output.poll(cx).is_ready()) {
                    output.set(None);
                }
                if let Poll::Ready(exited) = exit.as_mut().poll(cx) {
                    return Poll::Ready(Why::Exited(exited));
                }
                cancelled.as_mut().poll(cx).map(|()| Why::Cancelled)
            })
            .await
        };
        let outcome = match why {
            Why::Exited(status) => {
                // Its number may be somebody else's from now on.
                self.bond.set_process(None);
                let rest = join(
                    async {
                        if let Some(mut serving) = serving {
                            drop((&mut serving.0).await);
                        }
                    },
                    async {
                        if let Some(output) = output.as_mut().as_pin_mut() {
                            output.await;
                        }
                    },
                );
                // Whatever keeps a pipe open is not the worker.
                drop(tokio::time::timeout(REST, rest).await);
                status.map_or_else(|error| lost("the end of the process was missed", error), exited)
            }
            // When the process ends, its socket may break before its end is known.
            Why::Broken(error) if error.kind() != LinkErrorKind::Timeout => {
                match tokio::time::timeout(REST, child.wait()).await {
                    Ok(Ok(status)) => exited(status),
                    _ => kill(child, lost("the link to the process broke", error)).await,
                }
            }
            Why::Broken(error) => {
                let message = "the process gave no sign of life";
                kill(child, Outcome::Lost(Error::with_source(ErrorKind::Silent, message, error))).await
            }
            Why::Cancelled => kill(child, Outcome::Cancelled).await,
        };
        // It may have been the last thing it said.
        if control.has_heard(|heard| heard.ready) {
            self.bond.life.set_ready();
        }
        outcome
    }
}

fn exited(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Finished,
        (Some(status), _) => Outcome::Exited(status),
        (None, signal) => Outcome::Signalled(signal.unwrap_or(0)),
    }
}

fn lost(what: &'static str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Outcome {
    Outcome::Lost(Error::with_source(ErrorKind::Link, what, error))
}

/// Kills the process and waits for it, so that nothing of it is left.
async fn kill(mut child: tokio::process::Child, outcome: Outcome) -> Outcome {
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "a worker process could not be killed");
    }
    outcome
}
