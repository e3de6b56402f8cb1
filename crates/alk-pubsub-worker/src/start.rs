use std::process::Command;

use crate::error::Error;
use crate::host::WorkerHost;
use crate::host_target::WorkerHostEventTarget;
use crate::outcome::IntoOutcome;
use crate::thread::WorkerThreadEventTarget;
use crate::worker::Worker;

/// Runs `main` as a worker on a thread of its own: [`WorkerHost::spawn`] with the defaults.
///
/// # Errors
///
/// See [`WorkerHost::spawn`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, PubSub};
///
/// let (host, worker) = alk_pubsub_worker::spawn("doubler", |target| async move {
///     let pubsub = PubSub::<Dynamic>::new(target.clone());
///     let mut numbers = pubsub.subscribe("number").await?;
///     target.ready();
///     while let Some(number) = numbers.recv().await {
///         let double = 2 * number.payload().as_u64().unwrap_or(0);
///         pubsub.publish("double", number.id(), double.into()).await?;
///     }
///     Ok::<(), alk_pubsub_core::Error>(())
/// })?;
///
/// let host = PubSub::<Dynamic>::new(host);
/// let mut doubles = host.subscribe("double").await?;
/// worker.ready().await.expect("it did not end"); // what is published before anybody listens goes to nobody
/// host.publish("number", "a", 21.into()).await?;
/// assert_eq!(doubles.recv().await.expect("open").payload().as_u64(), Some(42));
///
/// assert!(worker.close().await.is_success());
/// assert!(doubles.recv().await.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub fn spawn<F, Fut>(name: impl Into<String>, main: F) -> Result<(WorkerHostEventTarget, Worker), Error>
where
    F: FnOnce(WorkerThreadEventTarget) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: IntoOutcome,
{
    WorkerHost::new().spawn(name, main)
}

/// Starts a program as a worker: [`WorkerHost::process`] with the defaults.
///
/// # Errors
///
/// See [`WorkerHost::process`].
///
/// # Panics
///
/// See [`WorkerHost::process`].
///
/// ```no_run
/// # async fn start() -> Result<(), alk_pubsub_worker::Error> {
/// use std::process::Command;
///
/// let (host, worker) = alk_pubsub_worker::process(Command::new("my-indexer"))?;
/// println!("the indexer {}", worker.join().await);
/// # drop(host); Ok(()) }
/// ```
pub fn process(command: Command) -> Result<(WorkerHostEventTarget, Worker), Error> {
    WorkerHost::new().process(command)
}
