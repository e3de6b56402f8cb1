use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

/// What those who serve a connection, and those who want it to end, know of its socket.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The client does not take what it is sent.
    blocked: AtomicBool,
    hung_up: Notify,
}

impl Line {
    /// Notes what became of writing.
    pub(super) fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.blocked.store(outcome.is_pending(), Ordering::Relaxed);
        outcome
    }

    /// Ends the connection where its client does not take what it is sent. Any other ends by itself, or goes on with
    /// another request.
    pub(super) fn hang_up(&self) {
        if self.blocked.load(Ordering::Relaxed) {
            self.hung_up.notify_one();
        }
    }

    /// Resolves when the connection is to end. Cancel safe.
    pub(super) async fn hung_up(&self) {
        self.hung_up.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::FutureExt;

    use super::Line;

    #[test]
    fn it_is_hung_up_where_it_is_blocked() {
        let line = Line::default();
        let ends = || line.hung_up().now_or_never().is_some();
        line.hang_up();
        assert!(!ends(), "there is nothing that waits");
        assert!(line.wrote(Poll::<()>::Pending).is_pending());
        assert!(line.wrote(Poll::Ready(())).is_ready());
        line.hang_up();
        assert!(!ends(), "it went on");
        assert!(line.wrote(Poll::<()>::Pending).is_pending());
        line.hang_up();
        assert!(ends());
    }
}
