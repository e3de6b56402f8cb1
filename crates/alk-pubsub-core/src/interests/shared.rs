use std::fmt;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::table::{Changes, InterestTable};
use crate::error::{Error, ErrorKind};
use crate::name::Interest;
use crate::sync::Mutex;
use crate::target::TargetFuture;

/// An [`InterestTable`] shared between an [`Upstream`](crate::Upstream) and the task that talks to the other side.
///
/// The upstream calls [`interest_added`](Self::interest_added), [`interest_removed`](Self::interest_removed) and
/// [`confirmed`](Self::confirmed) from its methods of the same names: they never wait and may be called from
/// anywhere. The task waits for [`changed`](Self::changed), takes the changes and answers each. A handle, cheap to clone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::Interests;
///
/// let interests = Interests::new();
/// let everything = alk_pubsub_core::Interest::Everything;
/// interests.interest_added(&everything);
/// let confirmed = interests.confirmed(&everything);
///
/// interests.changed().await; // the task that talks to the other side
/// let changes = interests.take_changes(512);
/// interests.confirm(changes.generation, &changes.added[0]);
///
/// confirmed.await?;
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Interests(Arc<Shared>);

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Default)]
struct Table {
    table: InterestTable<oneshot::Sender<Result<(), Error>>>,
    closed: Option<Error>,
}

impl Interests {
    /// A table in which nothing is wanted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`Upstream::interest_added`](crate::Upstream::interest_added).
    pub fn interest_added(&self, interest: &Interest) {
        let changed = {
            let mut table = self.0.table.lock();
            table.closed.is_none() && table.table.interest_added(interest)
        };
        if changed {
            self.0.changed.notify_one();
        }
    }

    /// See [`Upstream::interest_removed`](crate::Upstream::interest_removed).
    pub fn interest_removed(&self, interest: &Interest) {
        let (waiters, changed) = self.with(|table| (table.interest_removed(interest), table.has_changes()));
        drop(waiters);
        if changed {
            self.0.changed.notify_one();
        }
    }

    /// See [`Upstream::confirmed`](crate::Upstream::confirmed). Resolves when the interest is decided on; while there is no
    /// connection, that is after there is one again.
    ///
    /// # Errors
    ///
    /// What [`refuse`](Self::refuse) or [`close`](Self::close) were told.
    pub fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        let (waiter, answer) = oneshot::channel();
        let known = {
            let mut table = self.0.table.lock();
            match &table.closed {
                Some(error) => Err(error.clone()),
                None => table.table.wait(interest, waiter),
            }
        };
        match known {
            Err(error) => TargetFuture::ready(Err(error)),
            Ok(true) => TargetFuture::ready(Ok(())),
            Ok(false) => TargetFuture::boxed(async move {
                answer.await.unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Disconnected, "nobody listens to this interest any more"))
                })
            }),
        }
    }

    /// Waits until there may be something to ask. For one task at a time.
    ///
    /// Cancel safe.
    pub async fn changed(&self) {
        if !self.with(|table| table.has_changes()) {
            self.0.changed.notified().await;
        }
    }

    /// See [`InterestTable::take_changes`].
    #[must_use]
    pub fn take_changes(&self, most: usize) -> Changes {
        self.with(|table| table.take_changes(most))
    }

    /// See [`InterestTable::confirm`].
    pub fn confirm(&self, generation: u64, interest: &Interest) {
        let waiters = self.with(|table| table.confirm(generation, interest));
        answer(waiters, &Ok(()));
    }

    /// See [`InterestTable::refuse`].
    pub fn refuse(&self, generation: u64, interest: &Interest, error: Error) {
        let waiters = self.with(|table| table.refuse(generation, interest, error.clone()));
        answer(waiters, &Err(error));
    }

    /// See [`InterestTable::forget_ended`].
    #[must_use = "its subscriptions are to be ended"]
    pub fn forget_ended(&self, interest: &Interest) -> bool {
        self.with(|table| table.forget_ended(interest))
    }

    /// See [`InterestTable::retry`].
    pub fn retry(&self, generation: u64, interest: &Interest) {
        self.with(|table| table.retry(generation, interest));
        self.0.changed.notify_one();
    }

    /// See [`InterestTable::connection_lost`].
    #[must_use = "these interests have a gap now"]
    pub fn connection_lost(&self) -> Vec<Interest> {
        let affected = self.with(InterestTable::connection_lost);
        self.0.changed.notify_one();
        affected
    }

    /// See [`InterestTable::to_ask`].
    #[must_use]
    pub fn to_ask(&self) -> usize {
        self.with(|table| table.to_ask())
    }

    /// See [`InterestTable::is_settled`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.with(|table| table.is_settled())
    }

    /// See [`InterestTable::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.with(|table| table.is_empty())
    }

    /// The interests that are wanted now, in no order.
    #[must_use]
    pub fn wanted(&self) -> Vec<Interest> {
        self.with(|table| table.wanted().cloned().collect())
    }

    /// Ends it: who waits, and who asks from now on, is told this error. What is added afterwards is ignored.
    pub fn close(&self, error: Error) {
        let waiters = {
            let mut table = self.0.table.lock();
            table.closed = Some(error.clone());
            table.table.clear()
        };
        answer(waiters, &Err(error));
        self.0.changed.notify_one();
    }

    fn with<R>(&self, run: impl FnOnce(&mut InterestTable<oneshot::Sender<Result<(), Error>>>) -> R) -> R {
        run(&mut self.0.table.lock().table)
    }
}

fn answer(waiters: Vec<oneshot::Sender<Result<(), Error>>>, answer: &Result<(), Error>) {
    for waiter in waiters {
        // Who has stopped waiting need not know.
        let _ = waiter.send(answer.clone());
    }
}

impl fmt::Debug for Interests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.table.lock().table, f)
    }
}
