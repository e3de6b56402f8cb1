use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// What tells a connection's task for what it was woken. With many connections an event that comes to all of them finds
/// none in the processor's cache, and what a task need not look at it should not touch: when events alone have come it
/// leaves its orders, the socket's reading side and its timer alone.
///
/// Events wake the task by its own waker, everything else by [`waker`](Self::waker).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::future::poll_fn;
/// use std::task::Poll;
/// use alk_pubsub_link::Attention;
///
/// let mut attention = Attention::new();
/// poll_fn(|cx| {
///     assert!(attention.take(cx), "at first there is everything to look at");
///     assert!(!attention.take(cx), "an event has woken the task, say");
///     attention.waker().wake_by_ref();
///     assert!(attention.take(cx));
///     Poll::Ready(())
/// })
/// .await;
/// # })
/// ```
#[derive(Debug)]
pub struct Attention {
    /// Something else than events has woken the task, or may have.
    wanted: bool,
    signal: Arc<Signal>,
    /// Sets off the signal.
    waker: Waker,
}

#[derive(Debug)]
struct Signal {
    raised: AtomicBool,
    task: Waker,
}

impl Attention {
    /// The task of nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Waker::noop().clone())
    }

    fn of(task: Waker) -> Self {
        let signal = Arc::new(Signal { raised: AtomicBool::new(false), task });
        Self { wanted: true, waker: signal.clone().into(), signal }
    }

    /// Whether all is to be looked at, with [`waker`](Self::waker) to be woken by. To be called at the beginning of each
    /// round, with the context of the task.
    pub fn take(&mut self, cx: &Context<'_>) -> bool {
        if !self.signal.task.will_wake(cx.waker()) {
            *self = Self::of(cx.waker().clone());
        }
        // Only those who raise it write to it, so that it is mostly read.
        let raised =
            self.signal.raised.load(Ordering::Acquire) && self.signal.raised.swap(false, Ordering::AcqRel);
        std::mem::take(&mut self.wanted) || raised
    }

    /// Has all looked at in the next round too: something was not asked until it had nothing more.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Wakes the task and has it look at everything.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }
}

impl Default for Attention {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raised.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Task(AtomicBool);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn take(attention: &mut Attention, task: &Arc<Task>) -> bool {
        attention.take(&Context::from_waker(&task.clone().into()))
    }

    #[test]
    fn all_is_looked_at_first_and_when_it_was_asked_for() {
        let (task, mut attention) = (Arc::new(Task::default()), Attention::new());
        assert!(take(&mut attention, &task));
        assert!(!take(&mut attention, &task));
        attention.waker().wake_by_ref();
        assert!(task.0.load(Ordering::Relaxed), "the task is woken");
        assert!(take(&mut attention, &task));
        assert!(!take(&mut attention, &task));
        attention.want();
        assert!(take(&mut attention, &task));
        assert!(!take(&mut attention, &task));
    }

    #[test]
    fn another_task_looks_at_all_and_is_woken_from_then_on() {
        let tasks = [Arc::new(Task::default()), Arc::new(Task::default())];
        let mut attention = Attention::new();
        assert!(take(&mut attention, &tasks[0]));
        assert!(take(&mut attention, &tasks[1]));
        assert!(!take(&mut attention, &tasks[1]));
        attention.waker().wake_by_ref();
        assert!(!tasks[0].0.load(Ordering::Relaxed));
        assert!(tasks[1].0.load(Ordering::Relaxed));
    }
}
