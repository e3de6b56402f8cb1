//! Threads with a runtime each, and their end.

use std::future::Future;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::watch;

/// Tells threads and tasks to end, and that they have.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Can tell them.
#[derive(Debug, Clone)]
pub(crate) struct Stopper(Arc<watch::Sender<bool>>);

/// Ends the threads when it is dropped, without waiting for them.
#[derive(Debug)]
pub(crate) struct Threads {
    stop: Stopper,
    /// How many there are.
    alive: Arc<watch::Sender<u32>>,
}

impl Stop {
    /// Resolves when it is time to end.
    ///
    /// Cancel safe.
    pub(crate) async fn stopped(&mut self) {
        // That nobody is left to say so says so too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Stopper {
    pub(crate) fn end(&self) {
        self.0.send_replace(true);
    }
}

impl Threads {
    pub(crate) fn new() -> Self {
        Self { stop: Stopper(Arc::new(watch::Sender::new(false))), alive: Arc::new(watch::Sender::new(0)) }
    }

    pub(crate) fn stop(&self) -> Stop {
        Stop(self.stop.0.subscribe())
    }

    /// A thread that runs a future, which is to end when told to, and what it spawns.
    pub(crate) fn spawn(
        &self,
        name: &str,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (started, has_started) = mpsc::sync_channel(1);
        let alive = Alive::new(&self.alive);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let _ = started.send(Ok(()));
            runtime.block_on(future);
            // Not waited for: a look-up of a name may take as long as the resolver likes.
            runtime.shutdown_background();
            drop(alive);
        })?;
        has_started.recv().map_err(io::Error::other)?
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Resolves when no thread is left.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut alive = self.alive.subscribe();
        async move {
            let _ = alive.wait_for(|alive| *alive == 0).await;
        }
    }
}

/// Counts a thread for as long as it runs.
struct Alive(Arc<watch::Sender<u32>>);

impl Alive {
    fn new(count: &Arc<watch::Sender<u32>>) -> Self {
        count.send_modify(|alive| *alive += 1);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.end();
    }
}
