use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use alk_pubsub_core::{
    Bounds, Error, Event, EventListener, EventTarget, Interest, ListenerGuard, ListenerId, Published,
    RawSubscription, RoutedEventTarget, StateWatch, Stats, TargetFuture, Upstream,
};
use alk_pubsub_link::LinkUpstream;

use crate::life::Life;

/// A worker process's side: an event target in the topic space of its host. A handle, cheap to clone.
///
/// When the host [closes](crate::Worker::close) the worker, its subscriptions hand out what they hold and end, and what it publishes
/// until it exits still arrives. Before it exits it [closes](EventTarget::close) the target, which sends what is on its way. The link
/// stays until then, or until the host is gone, whether or not there are handles.
#[derive(Clone)]
pub struct WorkerProcessEventTarget(pub(super) Arc<Parts>);

/// What all handles share.
#[cfg_attr(not(unix), allow(dead_code, reason = "nobody makes a target there"))]
pub(super) struct Parts {
    pub(super) life: Life,
    pub(super) link: Arc<LinkUpstream>,
    /// What listens. It ends before the link does, when the worker is to finish what it has.
    pub(super) listening: RoutedEventTarget<Listening>,
    pub(super) publishing: AtomicBool,
    pub(super) say_ready: Box<dyn Fn() + Send + Sync>,
    /// Ends the process when the host is gone, as long as it is held.
    pub(super) watch: Mutex<Option<Box<dyn Send + Sync>>>,
}

/// The listening half of a link.
pub(super) struct Listening(pub(super) Arc<LinkUpstream>);

impl Upstream for Listening {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        self.0.publish(event)
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        self.0.try_publish(event)
    }

    fn interest_added(&self, interest: &Interest) {
        self.0.interest_added(interest);
    }

    fn interest_removed(&self, interest: &Interest) {
        self.0.interest_removed(interest);
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        self.0.confirmed(interest)
    }

    fn state(&self) -> Option<StateWatch> {
        self.0.state()
    }
}

impl Parts {
    /// Ends all subscriptions once they have handed out what they hold.
    pub(super) fn stop_listening(&self) {
        // The link itself stays, so there is nothing to wait for.
        drop(self.listening.close());
    }

    pub(super) fn stop_publishing(&self) {
        self.publishing.store(false, Ordering::Release);
    }

    fn check_publishing(&self) -> Result<(), Error> {
        if self.publishing.load(Ordering::Acquire) { Ok(()) } else { Err(Error::closed()) }
    }
}

impl WorkerProcessEventTarget {
    /// Resolves when the host wants the worker to end, or is gone.
    ///
    /// Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.life.closing()
    }

    /// Tells the host that the worker has subscribed to what it needs, see [`Worker::ready`](crate::Worker::ready).
    pub fn ready(&self) {
        (self.0.say_ready)();
    }
}

impl EventTarget for WorkerProcessEventTarget {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        match self.0.check_publishing() {
            Ok(()) => self.0.link.publish(event),
            Err(error) => TargetFuture::ready(Err(error)),
        }
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.0.check_publishing()?;
        self.0.link.try_publish(event)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.0.listening.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.listening.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.0.listening.subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.0.stop_publishing();
        let closed = self.0.link.close();
        // From now on the process is on its own.
        let watch = self.0.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(watch);
        let parts = self.0.clone();
        closed.map(move |closed| {
            parts.stop_listening();
            closed
        })
    }

    fn state(&self) -> StateWatch {
        self.0.listening.state()
    }

    fn stats(&self) -> Stats {
        self.0.listening.stats()
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        self.0.listening.interests(most)
    }
}

impl fmt::Debug for WorkerProcessEventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerProcessEventTarget").field("link", &self.0.link).finish_non_exhaustive()
    }
}
