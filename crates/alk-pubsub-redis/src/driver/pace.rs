//! Keeps the thread that reads from running away from the one that sorts.
//!
//! fred hands messages on through a ring that overwrites what was not taken in time, and reads as fast as it can. So the
//! reading thread is held up while too much waits in the ring; then the server's side of the socket fills, and the server
//! keeps the messages, or throws us out if it is too much for it, which is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// The parts of the ring that may be full before the reader is held up: what it reads until it can be held up again,
/// about 1 MiB, must fit in the rest.
const PART: u64 = 4;
/// How long it is held up before it looks again.
const HOLD: Duration = Duration::from_micros(100);
/// How often there is nothing new before it waits to be woken.
const CALM: u32 = 2;

/// How far the one that sorts has come. Dropping it lets the reader go.
pub(super) struct Pace(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken: AtomicU64,
    over: AtomicBool,
}

impl Pace {
    /// The pace, and what is to be run on the reading thread with a receiver as old as that of the one that sorts.
    pub(super) fn new<T: Clone>(messages: Receiver<T>, capacity: usize) -> (Self, impl Future<Output = ()>) {
        let shared = Arc::<Shared>::default();
        (Self(shared.clone()), hold_back(messages, capacity as u64 / PART, shared))
    }

    /// So many more messages were taken, or lost.
    pub(super) fn took(&self, messages: u64) {
        self.0.taken.fetch_add(messages, Ordering::Relaxed);
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

async fn hold_back<T: Clone>(mut messages: Receiver<T>, most: u64, shared: Arc<Shared>) {
    let (mut read, mut calm) = (0, 0);
    loop {
        let new = messages.len() as u64;
        if new == 0 && calm == CALM {
            calm = 0;
            match messages.recv().await {
                Ok(_) => read += 1,
                Err(RecvError::Lagged(more)) => read += more,
                Err(RecvError::Closed) => return,
            }
        } else if new == 0 {
            calm += 1;
        } else {
            calm = 0;
            read += new;
            // Not received one by one: only their number matters here.
            messages = messages.resubscribe();
            // Nothing else runs on this thread, which is the purpose.
            while read.saturating_sub(shared.taken.load(Ordering::Relaxed)) > most
                && !shared.over.load(Ordering::Relaxed)
            {
                thread::park_timeout(HOLD);
            }
        }
        tokio::task::yield_now().await;
    }
}
