use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, EventTarget, RoutedEventTarget};
use alk_pubsub_link::{
    Connector, Error as LinkError, ErrorKind as LinkErrorKind, LinkUpstream, Offline, Reconnect, SpokeOptions,
};
use futures_util::future::{Either, select};
use tokio::net::UnixStream;

use super::control::Control;
use super::launch::MARK;
use super::orphan::OrphanWatch;
use super::port::Port;
use super::target::{Listening, Parts, WorkerProcessEventTarget};
use crate::error::{Error, ErrorKind};
use crate::life::Life;
use crate::outcome::Outcome;

/// How many bytes of events wait for the host's first frame.
const EARLY: usize = 1 << 20;

/// Longer than any host blocks.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The worker's side of [`WorkerHost::process`](crate::WorkerHost::process): an event target that is the host. Once in a process,
/// and before anything else uses the standard input, which is that of `/dev/null` afterwards.
///
/// When the host is gone, subscriptions end and [`closed`](WorkerProcessEventTarget::closed) resolves; a process that has not ended, or
/// [closed](EventTarget::close) the target, three seconds later exits with status 1, whatever it is doing.
///
/// # Errors
///
/// [`NoParent`](ErrorKind::NoParent): this process was not started as a worker, or has its link already.
/// [`Spawn`](ErrorKind::Spawn): the system does not let it be set up.
///
/// # Panics
///
/// Outside of a Tokio runtime with a clock and input and output.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use alk_pubsub_core::{Dynamic, EventTarget, PubSub};
///
/// let target = alk_pubsub_worker::from_parent()?;
/// let pubsub = PubSub::<Dynamic>::new(target.clone());
/// let mut jobs = pubsub.subscribe("job").await?;
/// target.ready();
/// while let Some(job) = jobs.recv().await {
///     println!("this goes to the process's own standard output");
///     pubsub.publish("done", job.id(), ().into()).await?;
/// }
/// target.close().await?; // what is on its way arrives before the process exits
/// # Ok(()) }
/// ```
pub fn from_parent() -> Result<WorkerProcessEventTarget, Error> {
    let failed =
        |error| Error::with_source(ErrorKind::Spawn, "the link to the parent could not be set up", error);
    let socket = take_stdin()?;
    let watched = OwnedFd::from(socket.try_clone().map_err(failed)?);
    socket.set_nonblocking(true).map_err(failed)?;
    let socket = UnixStream::from_std(socket).map_err(failed)?;
    let control = Arc::new(Control::new());
    // The parent is trusted with frames of any size.
    let port = Port::new(socket, u32::MAX as usize, false, control.clone());
    let watch = OrphanWatch::start(watched)?;
    let make = |router| Listening(Arc::new(LinkUpstream::new(router, once(port), options())));
    let listening = RoutedEventTarget::with_subscribe_timeout(make, FOR_EVER);
    let said = control.clone();
    let parts = Arc::new(Parts {
        life: Life::new(),
        link: listening.upstream().0.clone(),
        listening,
        publishing: AtomicBool::new(true),
        say_ready: Box::new(move || said.say_ready()),
        watch: Mutex::new(Some(Box::new(watch))),
    });
    drop(tokio::spawn(follow(parts.clone(), control)));
    Ok(WorkerProcessEventTarget(parts))
}

/// A pipe that is there once.
fn once(port: Port) -> impl Connector {
    let port = Mutex::new(Some(port));
    move || {
        let port = port.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gone = || LinkError::new(LinkErrorKind::Closed, "the parent is gone").retryable(false);
        std::future::ready(port.ok_or_else(gone))
    }
}

/// The socket that is this process's standard input. What is started by this process does not get it as well.
fn take_stdin() -> Result<StdUnixStream, Error> {
    let none = |message: &'static str| Error::new(ErrorKind::NoParent, message);
    let failed =
        |error| Error::with_source(ErrorKind::NoParent, "the standard input is no link to a parent", error);
    if std::env::var_os(MARK).is_none() {
        return Err(none("this process was not started as a worker"));
    }
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let socket = StdUnixStream::from(socket);
    socket.peer_addr().map_err(failed)?;
    let nothing = std::fs::File::open("/dev/null").map_err(failed)?;
    rustix::stdio::dup2_stdin(nothing).map_err(|error| failed(error.into()))?;
    Ok(socket)
}

fn options() -> SpokeOptions {
    SpokeOptions::default()
        .reconnect(Reconnect::never())
        .offline(Offline::Buffer(EARLY))
        .max_frame_bytes(u32::MAX as usize)
        // The end of the socket says when the host is gone; a host that is slow is not.
        .heartbeat(FOR_EVER, FOR_EVER)
        .connect_timeout(FOR_EVER)
        .subscribe_timeout(FOR_EVER)
        .publish_timeout(FOR_EVER)
}

/// Brings what the host says, and that it is gone, to the worker. Ends with the link.
async fn follow(parts: Arc<Parts>, control: Arc<Control>) {
    let mut state = parts.listening.state();
    let gone = async {
        while state.current() != ConnectionState::Closed {
            state.changed().await;
        }
    };
    let mut gone = pin!(gone);
    if let Either::Left(_) = select(pin!(control.heard(|heard| heard.end)), gone.as_mut()).await {
        parts.life.close();
        parts.stop_listening();
        gone.await;
    }
    parts.stop_publishing();
    parts.stop_listening();
    parts.life.end(Outcome::Finished);
}
