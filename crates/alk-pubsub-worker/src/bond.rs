//! What host and worker have in common.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, EventTarget, Gap, GapReason};

use crate::lease::Lease;
use crate::life::Life;
use crate::outcome::Outcome;
use crate::space::Space;

/// The topic space of a worker, the parts that both sides have in it, and the worker's life.
pub(crate) struct Bond {
    pub(crate) life: Life,
    space: Space,
    host: Lease,
    /// A worker thread's part; a process comes over a link and keeps its own.
    worker: Mutex<Option<Lease>>,
    /// The worker's process, 0 while there is none.
    process: AtomicU32,
}

impl Bond {
    pub(crate) fn new(space: Space) -> Arc<Self> {
        let target = space.target();
        Arc::new(Self {
            life: Life::new(),
            host: if space.is_owned() { Lease::whole(target) } else { Lease::gapped_part(target) },
            worker: Mutex::default(),
            process: AtomicU32::new(0),
            space,
        })
    }

    /// The target of the topic space.
    pub(crate) fn target(&self) -> Arc<dyn EventTarget> {
        self.space.target()
    }

    pub(crate) fn host(&self) -> &Lease {
        &self.host
    }

    /// A worker thread's part in the space.
    pub(crate) fn lease_to_worker(&self) -> Lease {
        let lease = Lease::part(self.space.target());
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.clone());
        if !self.host.is_open() && self.life.is_to_end() {
            lease.end();
        }
        lease
    }

    pub(crate) fn process(&self) -> Option<u32> {
        Some(self.process.load(Ordering::Relaxed)).filter(|process| *process != 0)
    }

    pub(crate) fn set_process(&self, process: Option<u32>) {
        self.process.store(process.unwrap_or(0), Ordering::Relaxed);
    }

    /// The worker has said that it is ready.
    pub(crate) fn set_ready(&self) {
        self.host.set_state(ConnectionState::Connected);
        self.life.set_ready();
    }

    /// The worker is gone and will be restarted: nobody knows what it would have published.
    pub(crate) fn interrupted(&self) {
        self.life.reset_ready();
        self.host.set_state(ConnectionState::Reconnecting);
        let gap = Gap::new(GapReason::Reconnected, None);
        self.host.report_gap(gap);
        self.space.report_gap(gap);
    }

    /// It was started again. One that says when it has subscribed has not yet.
    pub(crate) fn restarted(&self) {
        if !self.life.says_ready() {
            self.host.set_state(ConnectionState::Connected);
        }
    }

    /// The worker has ended like this.
    pub(crate) fn end(&self, outcome: Outcome) {
        self.let_go();
        self.life.end(outcome);
    }

    /// Ends what both sides have in the space.
    pub(crate) fn let_go(&self) {
        self.life.cancel();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.end();
        }
        self.host.end();
        self.space.close();
    }

    /// Closes the worker, and gives it up where it cannot be made to end.
    pub(crate) async fn close_within(&self, deadline: Duration) -> Outcome {
        if let Some(outcome) = self.life.close_within(deadline).await {
            return outcome;
        }
        self.end(Outcome::Abandoned);
        self.life.ended().await
    }
}

/// Ends the bond when whoever keeps the worker goes, whatever the reason.
pub(crate) struct Ending(pub(crate) Arc<Bond>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(Outcome::Cancelled);
    }
}
