use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use alk_pubsub_core::{
    Bounds, ConnectionState, EndHandle, Error, Event, EventListener, EventTarget, Gap, Interest,
    LatencyProbe, ListenerGuard, ListenerId, Published, RawSubscription, Route, StateWatch, Stats,
    TargetFuture, Topic,
};
use tokio::sync::watch;

use super::member::Member;

/// A target in front of a shared one: what listens through it can be ended without ending the shared one.
///
/// A handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Lease(Arc<Shared>);

struct Shared {
    target: Arc<dyn EventTarget>,
    subscriptions: Subscriptions,
    publishing: Arc<AtomicBool>,
    members: Mutex<Members>,
    state: watch::Sender<ConnectionState>,
}

/// Who keeps the queues of the subscriptions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subscriptions {
    /// The target, which ends with the lease.
    OfWhole,
    /// The target, and the lease ends them one by one.
    OfPart,
    /// They have queues of their own, filled by a listener: they are told of gaps that nobody else in the target has.
    Private,
}

#[derive(Default)]
struct Members {
    refusing: bool,
    next: u64,
    /// Members leave when the target lets go of them.
    present: HashMap<u64, Weak<Member>>,
    subscriptions: Vec<EndHandle>,
}

impl Lease {
    /// A part of a target that goes on without it.
    pub(crate) fn part(target: Arc<dyn EventTarget>) -> Self {
        Self::new(target, Subscriptions::OfPart)
    }

    /// A part of a target that goes on without it, which can be told of [gaps](Self::report_gap) of its own.
    pub(crate) fn gapped_part(target: Arc<dyn EventTarget>) -> Self {
        Self::new(target, Subscriptions::Private)
    }

    /// Of a target that is closed by whoever ends the lease.
    pub(crate) fn whole(target: Arc<dyn EventTarget>) -> Self {
        Self::new(target, Subscriptions::OfWhole)
    }

    fn new(target: Arc<dyn EventTarget>, subscriptions: Subscriptions) -> Self {
        Self(Arc::new(Shared {
            target,
            subscriptions,
            publishing: Arc::new(AtomicBool::new(true)),
            members: Mutex::default(),
            state: watch::Sender::new(ConnectionState::Connected),
        }))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.publishing.load(Ordering::Acquire) && !self.0.lock().refusing
    }

    /// Whether all there was has ended.
    pub(crate) fn is_over(&self) -> bool {
        *self.0.state.borrow() == ConnectionState::Closed
    }

    /// Subscribes, as [`EventTarget::subscribe_raw`] does.
    pub(crate) fn subscribe(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        if !self.is_open() {
            return TargetFuture::ready(Err(Error::closed()));
        }
        match self.0.subscriptions {
            Subscriptions::Private => self.subscribe_raw(interest, bounds),
            Subscriptions::OfWhole => self.0.target.subscribe_raw(interest, bounds),
            Subscriptions::OfPart => {
                let lease = self.clone();
                self.0.target.subscribe_raw(interest, bounds).map(move |subscribed| {
                    let mut subscription = subscribed?;
                    // It may have come to its end while it was waited for.
                    if lease.0.lock().admit(subscription.end_handle()) {
                        Ok(subscription)
                    } else {
                        Err(Error::closed())
                    }
                })
            }
        }
    }

    /// Refuses new calls; who listens goes on.
    pub(crate) fn refuse(&self) {
        self.0.publishing.store(false, Ordering::Release);
        self.0.lock().refusing = true;
    }

    /// Ends all subscriptions once they have handed out what they hold; publishing goes on.
    pub(crate) fn stop_listening(&self) {
        let (members, subscriptions): (Vec<_>, _) = {
            let mut members = self.0.lock();
            members.refusing = true;
            (members.present.values().cloned().collect(), std::mem::take(&mut members.subscriptions))
        };
        for subscription in subscriptions {
            subscription.end();
        }
        for member in members.iter().filter_map(Weak::upgrade) {
            member.end();
        }
    }

    /// Ends all there is.
    pub(crate) fn end(&self) {
        self.refuse();
        self.stop_listening();
        self.set_state(ConnectionState::Closed);
    }

    /// Tells all who listen that events are missing here, except the subscriptions that the target keeps.
    pub(crate) fn report_gap(&self, gap: Gap) {
        let members: Vec<_> = self.0.lock().present.values().cloned().collect();
        for member in members.iter().filter_map(Weak::upgrade) {
            if catch_unwind(AssertUnwindSafe(|| member.on_gap(&gap))).is_err() {
                tracing::error!("an event listener panicked");
            }
        }
    }

    /// Sets the state, which does not come back from being closed.
    pub(crate) fn set_state(&self, state: ConnectionState) {
        self.0.state.send_if_modified(|old| {
            let changed = *old != state && *old != ConnectionState::Closed;
            if changed {
                *old = state;
            }
            changed
        });
    }

    fn admit(&self, listener: Arc<dyn EventListener>) -> Option<Arc<Member>> {
        let mut members = self.0.lock();
        if members.refusing {
            return None;
        }
        let number = members.next;
        members.next += 1;
        let shared = Arc::downgrade(&self.0);
        let leave = move || {
            if let Some(shared) = shared.upgrade() {
                shared.lock().present.remove(&number);
            }
        };
        let member = Arc::new(Member::new(listener, leave));
        members.present.insert(number, Arc::downgrade(&member));
        Some(member)
    }
}

impl Members {
    /// Keeps the handle of a subscription, unless it comes too late.
    fn admit(&mut self, subscription: EndHandle) -> bool {
        if !self.refusing {
            if self.subscriptions.len() == self.subscriptions.capacity() {
                self.subscriptions.retain(|subscription| !subscription.is_gone());
            }
            self.subscriptions.push(subscription);
        }
        !self.refusing
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventTarget for Lease {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        if !self.0.publishing.load(Ordering::Acquire) {
            return TargetFuture::ready(Err(Error::closed()));
        }
        self.0.target.dispatch_event(event)
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        if !self.0.publishing.load(Ordering::Acquire) {
            return Err(Error::closed());
        }
        self.0.target.try_dispatch_event(event)
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        Some(self.0.target.route(topic)?.open_while(self.0.publishing.clone()))
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        if self.0.subscriptions == Subscriptions::OfWhole && self.is_open() {
            return self.0.target.add_event_listener(interest, listener);
        }
        let Some(member) = self.admit(listener) else { return TargetFuture::ready(Err(Error::closed())) };
        let added = self.0.target.add_event_listener(interest, member.clone());
        added.map(move |added| {
            let guard = added?;
            // It may have come to its end while it was waited for.
            if member.is_ended() { Err(Error::closed()) } else { Ok(guard) }
        })
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.target.remove_event_listener(listener)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.end();
        TargetFuture::ready(Ok(()))
    }

    fn state(&self) -> StateWatch {
        let own = StateWatch::from(self.0.state.subscribe());
        match self.0.subscriptions {
            Subscriptions::OfWhole => own,
            Subscriptions::OfPart | Subscriptions::Private => own.and(self.0.target.state()),
        }
    }

    fn stats(&self) -> Stats {
        self.0.target.stats()
    }

    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        self.0.target.probe_latency(probe)
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        self.0.target.interests(most)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("state", &*self.0.state.borrow()).finish_non_exhaustive()
    }
}
