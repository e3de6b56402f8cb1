//! The end that nobody asked for: there is no use in connecting again.

use alk_pubsub_core::Interests;

use crate::error::Error;
use crate::outbox::Outbox;
use crate::status::Status;
use crate::threads::Stopper;

/// All who are to be told.
#[derive(Clone)]
pub(crate) struct GiveUp {
    pub(crate) outbox: Outbox,
    pub(crate) interests: [Interests; 2],
    pub(crate) status: Status,
    pub(crate) stopper: Stopper,
}

impl GiveUp {
    /// Whoever publishes or subscribes is told why; then the state says so, and the threads end.
    pub(crate) fn because(&self, error: &Error) {
        tracing::error!(%error, "giving up on Redis");
        self.outbox.abandon(error);
        for interests in &self.interests {
            interests.close(error.clone().into());
        }
        self.status.fail(error.clone());
        self.stopper.end();
    }
}
