//! What a worker is asked to do, and how it ended.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::watch;

use crate::outcome::Outcome;

/// How long a worker that was cancelled has before it is given up.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Life {
    wish: watch::Sender<Wish>,
    ready: watch::Sender<Ready>,
    outcome: watch::Sender<Option<Outcome>>,
}

/// What it has said of being ready.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    now: bool,
    /// Ever, so that it will be said by the next life too.
    ever: bool,
}

/// What is wanted of a worker; later ones overrule earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Run,
    Close,
    Cancel,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self {
            wish: watch::Sender::new(Wish::Run),
            ready: watch::Sender::new(Ready::default()),
            outcome: watch::Sender::new(None),
        }
    }

    /// Asks it to end when it is done with what it has.
    pub(crate) fn close(&self) {
        self.wish(Wish::Close);
    }

    /// Has it ended at once.
    pub(crate) fn cancel(&self) {
        self.wish(Wish::Cancel);
    }

    fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|old| {
            let more = *old < wish;
            *old = wish.max(*old);
            more
        });
    }

    pub(crate) fn is_to_end(&self) -> bool {
        *self.wish.borrow() > Wish::Run
    }

    /// Resolves when it is to end.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        wished(self.wish.subscribe(), Wish::Close)
    }

    /// Resolves when it is to end at once.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        wished(self.wish.subscribe(), Wish::Cancel)
    }

    /// It has said that it is ready.
    pub(crate) fn set_ready(&self) {
        self.ready.send_replace(Ready { now: true, ever: true });
    }

    /// The life that may have said so is over, and another follows.
    pub(crate) fn reset_ready(&self) {
        self.ready.send_modify(|ready| ready.now = false);
    }

    /// Whether the worker is one that says when it is ready.
    pub(crate) fn says_ready(&self) -> bool {
        self.ready.borrow().ever
    }

    /// Waits until it has said that it is ready, or has ended. Cancel safe.
    pub(crate) async fn until_ready(&self) -> Result<(), Outcome> {
        let (mut ready, mut outcome) = (self.ready.subscribe(), self.outcome.subscribe());
        let ready = pin!(ready.wait_for(|ready| ready.now));
        let ended = pin!(outcome.wait_for(Option::is_some));
        // Who was ready and has ended since was ready.
        let _ = select(ready, ended).await;
        if self.ready.borrow().now { Ok(()) } else { Err(self.outcome().unwrap_or(Outcome::Cancelled)) }
    }

    /// It has ended like this. Whether that was news: who says so first is right.
    pub(crate) fn end(&self, outcome: Outcome) -> bool {
        self.wish(Wish::Cancel);
        self.outcome.send_if_modified(|old| {
            let news = old.is_none();
            old.get_or_insert(outcome);
            news
        })
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome.borrow().clone()
    }

    /// Waits for the end. Cancel safe.
    pub(crate) async fn ended(&self) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The sender is borrowed here, so it is still there.
            _ => Outcome::Cancelled,
        }
    }

    /// Asks it to end, and makes it end at the deadline. `None` if it could not be made to.
    pub(crate) async fn close_within(&self, deadline: Duration) -> Option<Outcome> {
        self.close();
        if let Ok(outcome) = tokio::time::timeout(deadline, self.ended()).await {
            return Some(outcome);
        }
        self.cancel();
        tokio::time::timeout(LAST_MOMENTS, self.ended()).await.ok()
    }
}

async fn wished(mut wishes: watch::Receiver<Wish>, least: Wish) {
    // Without a sender the worker's handles are gone, which ends it as well.
    let _ = wishes.wait_for(|wish| *wish >= least).await;
}
