//! A dispatch that waits for room.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::log::Log;
use super::table::{Full, Router};
use crate::error::Error;
use crate::event::Event;

/// How often a publisher asks again before it has itself woken. Readers that are busy make room soon, and then it is
/// cheaper to come back than to be woken for every single event.
const YIELDS: u32 = 16;

/// Dispatches an event when every reader with the policy `Block` has room. Dropping it leaves the event out.
pub(crate) struct Dispatching {
    router: Router,
    event: Option<Event>,
    yields: u32,
    waiting: Option<Waiting>,
}

/// A publisher that a log knows of.
struct Waiting {
    log: Arc<Log>,
    number: Option<u64>,
}

impl Dispatching {
    pub(crate) fn new(router: Router, full: Full) -> Self {
        Self { router, event: Some(full.event), yields: 0, waiting: None }
    }

    /// Whether the task is woken when the log has room, which it has not.
    fn wait(&mut self, log: Arc<Log>, waker: &Waker) -> bool {
        if self.waiting.as_ref().is_none_or(|waiting| !Arc::ptr_eq(&waiting.log, &log)) {
            self.waiting = Some(Waiting { log, number: None });
        }
        let Some(Waiting { log, number }) = &mut self.waiting else { return false };
        let mut state = log.lock();
        !state.closed && state.wait_for_room(number, waker)
    }
}

impl Future for Dispatching {
    type Output = Result<u64, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if self.router.is_closed() {
                return Poll::Ready(Err(Error::closed()));
            }
            let Some(event) = self.event.take() else { return Poll::Ready(Ok(0)) };
            // While it only looks again, it looks for room for a few, so that it need not come back for each.
            let patient = self.yields < YIELDS;
            match self.router.try_dispatch_with_room(event, patient) {
                Ok(receivers) => return Poll::Ready(Ok(receivers)),
                Err(full) => {
                    self.event = Some(full.event);
                    if patient {
                        self.yields += 1;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    if self.wait(full.log, cx.waker()) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = self.log.lock().forget_publisher(number);
            drop(waker);
        }
    }
}
