use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{Bounds, Error, ErrorKind, Interest, RawSubscription, TargetFuture};

use crate::bond::Bond;
use crate::lease::{Lease, event_target_over_lease};
use crate::outcome::Outcome;

/// The host's side of a worker: an event target in the topic space that it has in common with the worker.
///
/// When the worker has ended, subscriptions made through it hand out what they hold and end, and new calls fail as
/// [`Closed`](alk_pubsub_core::ErrorKind::Closed). When a [`Supervisor`](crate::Supervisor) restarts the worker they go on, with a
/// [`Reconnected`](alk_pubsub_core::GapReason::Reconnected) gap at that place. [`close`](alk_pubsub_core::EventTarget::close) closes the worker as
/// [`Worker::close`](crate::Worker::close) does. Its state is that of the target that it shares, if it shares one, and
/// [`Reconnecting`](alk_pubsub_core::ConnectionState::Reconnecting) while the worker is being restarted. A handle, cheap to clone; dropping it leaves the worker alone.
///
/// Subscriptions with [`Overflow::Block`](alk_pubsub_core::Overflow::Block) are possible with threads that have a space of their own and no supervisor. Elsewhere they
/// are refused as [`Unsupported`](alk_pubsub_core::ErrorKind::Unsupported): a process takes what fits into its queue, and a space
/// that others share is better subscribed to directly.
#[derive(Clone)]
pub struct WorkerHostEventTarget {
    lease: Lease,
    bond: Arc<Bond>,
    close_timeout: Duration,
}

impl WorkerHostEventTarget {
    pub(crate) fn new(bond: Arc<Bond>, close_timeout: Duration) -> Self {
        Self { lease: bond.host().clone(), bond, close_timeout }
    }

    fn subscribe_in(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.lease.subscribe(interest, bounds)
    }

    fn close_target(&self) -> TargetFuture<Result<(), Error>> {
        self.lease.refuse();
        let (bond, deadline) = (self.bond.clone(), self.close_timeout);
        if bond.life.outcome().is_some() {
            return TargetFuture::ready(Ok(()));
        }
        bond.life.close();
        TargetFuture::boxed(async move {
            match bond.close_within(deadline).await {
                Outcome::Cancelled | Outcome::Abandoned => {
                    let message = format!("the worker did not end by itself within {deadline:?}");
                    Err(Error::new(ErrorKind::Timeout, message))
                }
                _ => Ok(()),
            }
        })
    }
}

event_target_over_lease!(WorkerHostEventTarget);

impl fmt::Debug for WorkerHostEventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHostEventTarget").field("lease", &self.lease).finish_non_exhaustive()
    }
}
