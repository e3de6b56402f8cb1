use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// What those who serve a connection, and those who want it to end, know of its socket.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The client does not take what it is sent.
    blocked: AtomicBool,
    /// How many requests there were.
    requests: AtomicU64,
    hung_up: AtomicBool,
    /// Who serves it.
    task: AtomicWaker,
}

/// A request on a line, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request(u64);

impl Line {
    /// Notes what became of writing.
    pub(super) fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.blocked.store(outcome.is_pending(), Ordering::Relaxed);
        outcome
    }

    /// Another request.
    pub(super) fn request(&self) -> Request {
        Request(self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Ends the connection where its client does not take what is left of the answer to this request. Any other ends by
    /// itself, or goes on with another request.
    pub(super) fn hang_up(&self, request: Request) {
        let is_last = Request(self.requests.load(Ordering::Relaxed)) == request;
        if is_last && self.blocked.load(Ordering::Relaxed) {
            self.hung_up.store(true, Ordering::Release);
            self.task.wake();
        }
    }

    /// Resolves when the connection is to end. Cancel safe.
    pub(super) async fn hung_up(&self) {
        let _forgotten = Waiting(self);
        poll_fn(|cx| self.poll_hung_up(cx)).await;
    }

    /// Ready when the connection is to end. For one task at a time.
    pub(super) fn poll_hung_up(&self, cx: &Context<'_>) -> Poll<()> {
        self.task.register(cx.waker());
        if self.hung_up.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Forgets the task that waits. A connection that has become a WebSocket keeps its line, and would keep all of a task that is
/// over.
struct Waiting<'a>(&'a Line);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.task.take();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    use futures_util::FutureExt;

    use super::Line;

    #[test]
    fn it_is_hung_up_where_it_is_blocked() {
        let line = Line::default();
        let ends = || line.hung_up().now_or_never().is_some();
        let before = line.request();
        let request = line.request();
        line.hang_up(request);
        assert!(!ends(), "there is nothing that waits");
        assert!(line.wrote(Poll::<()>::Pending).is_pending());
        assert!(line.wrote(Poll::Ready(())).is_ready());
        line.hang_up(request);
        assert!(!ends(), "it went on");
        assert!(line.wrote(Poll::<()>::Pending).is_pending());
        line.hang_up(before);
        assert!(!ends(), "that was another answer");
        line.hang_up(request);
        assert!(ends());
    }

    #[test]
    fn who_does_not_wait_any_more_is_forgotten() {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let (line, task) = (Line::default(), Arc::new(Task));
        {
            let waker = Waker::from(task.clone());
            let waiting = pin!(line.hung_up());
            assert!(waiting.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(Arc::strong_count(&task), 1);
    }
}
