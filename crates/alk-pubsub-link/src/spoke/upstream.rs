use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use alk_pubsub_core::{
    ConnectionState, Error, ErrorKind, Event, Interest, Published, RoutedEventTarget, Router, StateWatch,
    TargetFuture, Upstream,
};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::sync::{TryAcquireError, oneshot};
use tokio::time::Instant;

use super::connector::Connector;
use super::options::SpokeOptions;
use super::shared::{Shared, max_event_bytes};
use super::stats::SpokeStats;
use super::task;
use crate::error::{Error as PipeError, ErrorKind as PipeErrorKind};
use crate::pipe::Pipe;

/// An event target whose events come from a hub.
pub type LinkEventTarget = RoutedEventTarget<LinkUpstream>;

/// The upstream that is a hub at the other end of a link.
///
/// A task of its own holds the connection and makes it again when it is lost. The task ends when the target is closed, or
/// when its last handle and the last subscription are gone.
pub struct LinkUpstream {
    shared: Arc<Shared>,
}

/// An event target that is the hub which `connector` connects to. Returns at once; connecting goes on in the background.
///
/// # Panics
///
/// Outside of a Tokio runtime.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_core::{ConnectionState, EventTarget};
/// use alk_pubsub_link::{Error, ErrorKind, MemoryPipe, SpokeOptions, connect};
///
/// let refuse = || async { Err::<MemoryPipe, _>(Error::new(ErrorKind::Refused, "go away")) };
/// let target = connect(refuse, SpokeOptions::default());
///
/// let refused = target.upstream().wait_connected().await.expect_err("nobody is let in");
/// assert_eq!(refused.kind(), alk_pubsub_core::ErrorKind::Denied);
/// assert_eq!(target.state().current(), ConnectionState::Closed);
/// # });
/// ```
pub fn connect(connector: impl Connector, options: SpokeOptions) -> LinkEventTarget {
    let options = options.clamped();
    let subscribe_timeout = options.subscribe_timeout;
    let make = |router| LinkUpstream::new(router, connector, options);
    LinkEventTarget::with_subscribe_timeout(make, subscribe_timeout)
}

/// An event target that is the hub at the other end of this pipe. When the pipe ends, the link does.
///
/// # Panics
///
/// Outside of a Tokio runtime.
pub fn link_over(pipe: impl Pipe, options: SpokeOptions) -> LinkEventTarget {
    let pipe = Mutex::new(Some(pipe));
    let only_once = move || {
        let pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = || PipeError::new(PipeErrorKind::Closed, "the pipe has ended").retryable(false);
        std::future::ready(pipe.ok_or_else(ended))
    };
    connect(only_once, options)
}

impl LinkUpstream {
    /// Starts a link that brings its events to `router`.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn new(router: Router, connector: impl Connector, options: SpokeOptions) -> Self {
        let shared = Arc::new(Shared::new(options.clamped()));
        drop(tokio::spawn(task::run(shared.clone(), router, connector)));
        Self { shared }
    }

    /// Waits until the hub has welcomed the link and confirmed all interests.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// The link has ended, with the reason: refused, closed, or not connected after the most attempts.
    pub async fn wait_connected(&self) -> Result<(), Error> {
        let mut state = self.shared.watch_state();
        let decided =
            |state: &ConnectionState| matches!(state, ConnectionState::Connected | ConnectionState::Closed);
        match state.wait_for(decided).await.as_deref() {
            Ok(ConnectionState::Connected) => Ok(()),
            _ => Err(self.shared.lock().ended_by()),
        }
    }

    /// As [`wait_connected`](Self::wait_connected), but fails with the first attempt that does, although attempts go on if
    /// they may succeed.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub async fn try_connected(&self) -> Result<(), PipeError> {
        let mut failure = self.shared.watch_failure();
        let failed = async {
            match failure.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(error)) => error.clone(),
                _ => PipeError::new(PipeErrorKind::Closed, "the link has ended"),
            }
        };
        let connected = self.wait_connected();
        match select(pin!(connected), pin!(failed)).await {
            Either::Left((Ok(()), _)) => Ok(()),
            Either::Left((Err(ended), failed)) => match failed.now_or_never() {
                Some(error) => Err(error),
                None => Err(PipeError::with_source(PipeErrorKind::Closed, "the link has ended", ended)),
            },
            Either::Right((error, _)) => Err(error),
        }
    }

    /// How large an event may be, as an encoded envelope and in bytes: what the hub takes in a frame, less 64 for what stands
    /// around an event in one. `None` while there is no connection.
    ///
    /// A larger one is refused as [`TooLarge`](ErrorKind::TooLarge), which names both numbers, and is not sent.
    #[must_use]
    pub fn max_event_bytes(&self) -> Option<usize> {
        self.shared.lock().machine.max_frame_bytes().map(max_event_bytes)
    }

    /// Counters of the link.
    #[must_use]
    pub fn stats(&self) -> SpokeStats {
        self.shared.counters.snapshot()
    }
}

#[cfg(test)]
impl LinkUpstream {
    /// As if so many requests had been made.
    pub(super) fn skip_numbers(&self, numbers: u64) {
        self.shared.lock().machine.skip_numbers(numbers);
    }
}

impl Upstream for LinkUpstream {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        let shared = &self.shared;
        let bytes = match shared.size(&event) {
            Ok(bytes) => bytes,
            Err(error) => return TargetFuture::ready(Err(error)),
        };
        let permits = shared.permits(bytes);
        let room = match shared.room.clone().try_acquire_many_owned(permits) {
            Ok(room) => match shared.enqueue(event, bytes, room, true) {
                Ok(answer) => Ok(answer),
                Err(error) => return TargetFuture::ready(Err(error)),
            },
            Err(_) => Err(event),
        };
        let shared = shared.clone();
        TargetFuture::boxed(async move {
            let limit = shared.options.publish_timeout;
            let published = tokio::time::timeout(limit, async {
                let answer = match room {
                    Ok(answer) => answer,
                    Err(event) => {
                        let room = shared.room.clone().acquire_many_owned(permits).await;
                        let room = room.map_err(|_| shared.lock().ended_by())?;
                        shared.enqueue(event, bytes, room, true)?
                    }
                };
                answered(answer).await
            });
            published.await.unwrap_or_else(|_| {
                // What was sent on a connection that is gone has been answered, so this one waits for the next.
                let message = if shared.lock().machine.is_welcome() {
                    format!("the hub did not answer the publish within {limit:?}")
                } else {
                    format!(
                        "there was no connection to the hub within {limit:?}; the event is kept, and may still be sent when \
                         there is one"
                    )
                };
                Err(Error::new(ErrorKind::Timeout, message))
            })
        })
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        let shared = &self.shared;
        let bytes = shared.size(&event)?;
        match shared.room.clone().try_acquire_many_owned(shared.permits(bytes)) {
            Ok(room) => shared.enqueue(event, bytes, room, false)?,
            Err(TryAcquireError::NoPermits) => {
                return Err(Error::new(ErrorKind::WouldBlock, "too many events are on their way to the hub"));
            }
            Err(TryAcquireError::Closed) => return Err(shared.lock().ended_by()),
        };
        Ok(Published { receivers: alk_pubsub_core::Receivers::Unknown })
    }

    fn interest_added(&self, interest: &Interest) {
        self.shared.change(|core| core.want(interest));
    }

    fn interest_removed(&self, interest: &Interest) {
        self.shared.change(|core| core.drop_interest(interest));
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        match self.shared.change(|core| core.confirmed(interest)) {
            Err(error) => TargetFuture::ready(Err(error)),
            Ok(None) => TargetFuture::ready(Ok(())),
            Ok(Some(confirmed)) => {
                TargetFuture::boxed(async move { confirmed.await.unwrap_or_else(|_| Err(Error::closed())) })
            }
        }
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        let deadline = Instant::now() + self.shared.options.close_timeout;
        self.shared.change(|core| core.close(deadline));
        let mut ended = self.shared.watch_end();
        TargetFuture::boxed(async move {
            match ended.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(result)) => result.clone(),
                _ => Ok(()),
            }
        })
    }

    fn reconnects(&self) -> u64 {
        self.stats().connections.saturating_sub(1)
    }

    fn state(&self) -> Option<StateWatch> {
        Some(self.shared.watch_state().into())
    }
}

async fn answered(answer: Option<oneshot::Receiver<Result<Published, Error>>>) -> Result<Published, Error> {
    let Some(answer) = answer else { return Err(Error::closed()) };
    answer.await.unwrap_or_else(|_| Err(Error::closed()))
}

impl Drop for LinkUpstream {
    fn drop(&mut self) {
        self.shared.change(super::shared::Core::dropped);
    }
}

impl fmt::Debug for LinkUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkUpstream")
            .field("state", &*self.shared.watch_state().borrow())
            .finish_non_exhaustive()
    }
}
