//! A dispatch that waits for room.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::append::Full;
use super::log::Log;
use super::table::Router;
use crate::error::Error;
use crate::event::Event;

/// How often a publisher asks again before it has itself woken. Readers that are busy make room soon, and then it is
/// cheaper to come back than to be woken for every single event.
const YIELDS: u32 = if cfg!(loom) { 1 } else { 16 };

/// Dispatches an event when every reader with the policy `Block` has room. Dropping it leaves the event out.
pub(crate) struct Dispatching {
    router: Router,
    event: Option<Event>,
    /// The log that had no room.
    full: Arc<Log>,
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
        Self { router, event: Some(full.event), full: full.log, yields: 0, waiting: None }
    }

    /// Whether the task has to wait, and is woken when there is room.
    fn has_to_wait(&mut self, waker: &Waker) -> bool {
        // While it only looks again, it looks for room for a few, so that it need not come back for each.
        let patient = self.yields < YIELDS;
        let mut state = self.full.lock();
        if state.has_room(patient) {
            return false;
        }
        if patient {
            drop(state);
            self.yields += 1;
            waker.wake_by_ref();
            return true;
        }
        let waiting = self.waiting.get_or_insert_with(|| Waiting { log: self.full.clone(), number: None });
        state.wait_for_room(&mut waiting.number, waker)
    }
}

impl Future for Dispatching {
    type Output = Result<u64, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if self.router.is_closed() {
                return Poll::Ready(Err(Error::closed()));
            }
            if self.has_to_wait(cx.waker()) {
                return Poll::Pending;
            }
            let Some(event) = self.event.take() else { return Poll::Ready(Ok(0)) };
            match self.router.try_dispatch(event) {
                Ok(receivers) => return Poll::Ready(Ok(receivers)),
                Err(full) => {
                    self.event = Some(full.event);
                    if !Arc::ptr_eq(&self.full, &full.log) {
                        self.full = full.log;
                        self.waiting = None;
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
