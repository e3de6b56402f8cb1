//! A subscription to a target that only knows listeners: a log for itself alone, filled by a listener.

use std::sync::Arc;

use super::after::After;
use super::bounds::{Bounds, Overflow};
use super::chunk::Entry;
use super::log::{Log, State};
use super::raw::{RawSubscription, Registry};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::gap::Gap;
use crate::name::Interest;
use crate::sync::Mutex;
use crate::target::{EventListener, EventTarget, ListenerGuard, TargetFuture};

struct Private {
    /// Unsubscribes when it is dropped.
    guard: Mutex<Option<ListenerGuard>>,
}

impl Registry for Private {
    fn leave(&self, log: &Arc<Log>, leave: &mut dyn FnMut(&mut State, &mut After)) {
        let guard = self.guard.lock().take();
        drop(guard);
        let mut after = After::default();
        leave(&mut log.lock(), &mut after);
        after.run();
    }

    fn count_gap(&self, _: Gap) {}

    fn delivers_copies(&self) -> bool {
        true
    }
}

/// Appends what it hears.
struct Feeder(Arc<Log>);

impl Feeder {
    fn append(&self, entry: Entry) {
        let mut after = After::default();
        self.0.append(&mut self.0.lock(), entry, &mut after);
        after.run();
    }
}

impl EventListener for Feeder {
    fn on_event(&self, event: &Event) {
        self.append(event.clone().into());
    }

    fn on_gap(&self, gap: &Gap) {
        self.append((*gap).into());
    }

    fn on_close(&self) {
        let mut after = After::default();
        self.0.close(None, &mut after);
        after.run();
    }
}

pub(crate) fn subscribe_by_listener<T: EventTarget + ?Sized>(
    target: &T,
    interest: Interest,
    bounds: Bounds,
) -> TargetFuture<Result<RawSubscription, Error>> {
    let bounds = match bounds.check() {
        Ok(bounds) if bounds.overflow == Overflow::Block => {
            let message = "this event target cannot make publishers wait";
            return TargetFuture::ready(Err(Error::new(ErrorKind::Unsupported, message)));
        }
        Ok(bounds) => bounds,
        Err(error) => return TargetFuture::ready(Err(error)),
    };
    let log = Arc::new(Log::new(interest.clone()));
    let owner = Arc::new(Private { guard: Mutex::new(None) });
    let source = RawSubscription::source(&log, &mut log.lock(), bounds);
    let subscription = RawSubscription::new(source, owner.clone());
    let added = target.add_event_listener(interest, Arc::new(Feeder(log)));
    added.map(move |added| {
        *owner.guard.lock() = Some(added?);
        Ok(subscription)
    })
}
