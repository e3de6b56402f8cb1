use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::identity::Identity;

/// How long before the end the other side is told.
const NOTICE: Duration = Duration::from_secs(30);

/// The clock of an [`Identity`] that ends. Costs a pointer where it does not.
#[derive(Debug, Default)]
pub struct Expiry(Option<Box<Running>>);

#[derive(Debug)]
struct Running {
    end: Instant,
    noticed: bool,
    /// Made when it is first polled, since timers need a runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

/// What an [`Expiry`] has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The end is so near; told once, 30 s before, or at once where less is left.
    Soon(Duration),
    /// It is over; told whenever it is asked from now on.
    Over,
}

impl Expiry {
    /// The clock of this identity. It runs from the first [`poll`](Self::poll).
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self(identity.expires().map(|end| Box::new(Running { end, noticed: false, timer: None })))
    }

    /// What is due; the task is woken when something is. Pending for ever where nothing ends. To be called in a runtime.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let Some(Running { end, noticed, timer }) = self.0.as_deref_mut() else { return Poll::Pending };
        let notice = end.checked_sub(NOTICE).unwrap_or_else(Instant::now);
        let due = if *noticed { *end } else { notice };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        ready!(timer.as_mut().poll(cx));
        let now = Instant::now();
        if now >= *end {
            return Poll::Ready(Due::Over);
        }
        *noticed = true;
        timer.as_mut().reset(*end);
        // Registers the task for the end.
        let _ = timer.as_mut().poll(cx);
        Poll::Ready(Due::Soon(*end - now))
    }
}
