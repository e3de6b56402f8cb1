use std::fmt;
use std::sync::Arc;

use alk_pubsub_core::{Bounds, Error, EventTarget, Interest, RawSubscription, TargetFuture};

use crate::bond::Bond;
use crate::lease::{Lease, event_target_over_lease};

/// A worker thread's side: an event target in the topic space that it has in common with its host.
///
/// Events cross by reference count and are never encoded. [`close`](EventTarget::close) ends the worker's subscriptions and
/// what it publishes, not the worker. A handle, cheap to clone.
///
/// When the host [closes](crate::Worker::close) the worker, its subscriptions end, so that a loop over one of them ends by itself.
#[derive(Clone)]
pub struct WorkerThreadEventTarget {
    lease: Lease,
    bond: Arc<Bond>,
}

impl WorkerThreadEventTarget {
    pub(super) fn new(lease: Lease, bond: Arc<Bond>) -> Self {
        Self { lease, bond }
    }

    /// Resolves when the host wants the worker to end. What is still published arrives.
    ///
    /// Cancel safe.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.bond.life.closing()
    }

    /// Tells the host that the worker has subscribed to what it needs, see [`Worker::ready`](crate::Worker::ready).
    pub fn ready(&self) {
        // What an earlier life has left running somewhere does not speak for this one.
        if !self.lease.is_over() {
            self.bond.set_ready();
        }
    }

    fn subscribe_in(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.lease.subscribe(interest, bounds)
    }

    fn close_target(&self) -> TargetFuture<Result<(), Error>> {
        self.lease.close()
    }
}

event_target_over_lease!(WorkerThreadEventTarget);

impl fmt::Debug for WorkerThreadEventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerThreadEventTarget").field("lease", &self.lease).finish_non_exhaustive()
    }
}
