//! The way of one topic's events, found once by who publishes often.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::log::Log;
use super::table::Router;
use crate::event::Event;

/// A topic's log, at hand for a publisher.
///
/// An [`EventTarget`](crate::EventTarget) that hands events straight to its listeners gives one to a
/// [`Publisher`](crate::Publisher). Whatever is not usual goes by
/// [`dispatch_event`](crate::EventTarget::dispatch_event) all the same. The log is kept for as long as there is a route.
///
/// ```
/// use alk_pubsub_core::{EventTarget, InProcessEventTarget};
///
/// let target = InProcessEventTarget::in_process();
/// assert!(target.route(&"tick:1".parse()?).is_some());
/// # Ok::<(), alk_pubsub_core::NameError>(())
/// ```
pub struct Route {
    router: Router,
    log: Arc<Log>,
    /// Mostly nobody's.
    open: Vec<Arc<AtomicBool>>,
}

impl Route {
    pub(super) fn new(router: Router, log: Arc<Log>) -> Self {
        Self { router, log, open: Vec::new() }
    }

    /// The same route for as long as `open` is true, for a target that stands in front of another one and may be closed before
    /// that: afterwards its own `dispatch_event` is asked, which says so.
    #[must_use]
    pub fn open_while(mut self, open: Arc<AtomicBool>) -> Self {
        self.open.push(open);
        self
    }

    /// Appends an event of this topic, where only the topic itself is listened to and there is room; returns how many
    /// receive it. Else the event is handed back.
    #[inline]
    pub(crate) fn append(&self, event: Event) -> Result<u64, Event> {
        if self.open.iter().any(|open| !open.load(Ordering::Acquire)) {
            return Err(event);
        }
        self.router.append_to(&self.log, event)
    }
}

impl Clone for Route {
    fn clone(&self) -> Self {
        self.log.lock().routes += 1;
        Self { router: self.router.clone(), log: self.log.clone(), open: self.open.clone() }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.router.leave_route(&self.log);
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(self.log.interest()).finish()
    }
}
