use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};

use super::run::run;
use super::target::WorkerThreadEventTarget;
use crate::bond::{Bond, Ending};
use crate::error::{Error, ErrorKind};
use crate::outcome::{IntoOutcome, Outcome};
use crate::restart::Restarts;

/// What a worker does in one of its lives.
pub(crate) type Main = Pin<Box<dyn Future<Output = Outcome>>>;

/// Begins a life of a worker.
pub(crate) type Lives = Box<dyn FnMut(WorkerThreadEventTarget) -> Main + Send>;

/// A single life.
pub(crate) fn once<F, Fut>(main: F) -> Lives
where
    F: FnOnce(WorkerThreadEventTarget) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: IntoOutcome,
{
    let mut main = Some(main);
    Box::new(move |target| match main.take() {
        Some(main) => {
            let main = main(target);
            Box::pin(async move { main.await.into_outcome() })
        }
        None => Box::pin(std::future::ready(Outcome::Finished)),
    })
}

/// As many as it takes.
pub(crate) fn many<F, Fut>(mut main: F) -> Lives
where
    F: FnMut(WorkerThreadEventTarget) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: IntoOutcome,
{
    Box::new(move |target| {
        let main = main(target);
        Box::pin(async move { main.await.into_outcome() })
    })
}

/// Starts the thread.
pub(crate) fn start(name: &str, lives: Lives, restarts: Restarts, bond: Arc<Bond>) -> Result<(), Error> {
    let failed = |what: &'static str, error| Error::with_source(ErrorKind::Spawn, what, error);
    if name.contains('\0') {
        return Err(Error::new(ErrorKind::Spawn, "a thread's name must not contain the character NUL"));
    }
    // Here, since here somebody can be told that it failed.
    let runtime =
        WorkerRuntime::new().map_err(|error| failed("the worker's runtime could not be made", error))?;
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let ending = Ending(bond);
        let outcome = run(runtime, &ending.0, lives, restarts);
        ending.0.end(outcome);
    });
    // The thread ends by itself; that it has is what the bond is told.
    started.map(drop).map_err(|error| failed("the worker's thread could not be started", error))
}

/// A runtime that can be dropped anywhere, and does not wait for what blocks on its threads.
pub(super) struct WorkerRuntime(Option<Runtime>);

impl WorkerRuntime {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        // It is there until it is dropped.
        Some(self.0.as_ref()?.block_on(future))
    }
}

impl Drop for WorkerRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
