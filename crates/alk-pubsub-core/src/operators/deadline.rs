use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A moment that an operator waits for.
///
/// Setting one is cheap and needs no runtime. The timer, which needs one, is made by the first poll that has
/// to wait, and used again for the moments after.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    /// `None` is never: not set yet, or further away than the clock can count.
    at: Option<Instant>,
    // Boxed so that the operators with a deadline are `Unpin` when their source is.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.at = at;
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn has_passed(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    /// Ready once the moment has come.
    ///
    /// # Panics
    ///
    /// When it has to wait outside a tokio runtime with time enabled.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        // Asked before the timer, which answers `Pending` to a task that has used up its cooperative budget:
        // a busy source would put the moment off for as long as it is busy.
        if at <= Instant::now() {
            return Poll::Ready(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}
