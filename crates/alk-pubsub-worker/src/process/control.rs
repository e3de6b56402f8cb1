use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;
use tokio::sync::watch;

/// What the two ends of a link tell each other beside the frames, as seen from one end.
///
/// On the pipe these are frames of a single byte, which no encoding of an envelope or a control frame is.
#[derive(Debug)]
pub(super) struct Control {
    /// To be said once, behind the frames that go before.
    ending: AtomicBool,
    ready: AtomicBool,
    task: AtomicWaker,
    /// What was heard.
    heard: watch::Sender<Heard>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The host wants the worker to end.
    pub(super) end: bool,
    /// The worker is ready.
    pub(super) ready: bool,
}

/// What a frame of a single byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Are you there?
    Ask,
    Answer,
    /// The worker is to end.
    End,
    Ready,
}

impl Word {
    pub(super) fn frame(self) -> [u8; 1] {
        match self {
            Word::Ask => *b"?",
            Word::Answer => *b"!",
            Word::End => *b".",
            Word::Ready => *b"+",
        }
    }

    /// The word that a frame is, if it is one.
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        [Word::Ask, Word::Answer, Word::End, Word::Ready].into_iter().find(|word| word.frame() == frame)
    }
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            ending: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            task: AtomicWaker::new(),
            heard: watch::Sender::new(Heard::default()),
        }
    }

    /// Tells the worker to end.
    pub(super) fn say_end(&self) {
        self.ending.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Tells the host that the worker is ready.
    pub(super) fn say_ready(&self) {
        self.ready.store(true, Ordering::Release);
        self.task.wake();
    }

    /// What is to be said at once, and behind what goes before; each once.
    pub(super) fn take_ready(&self) -> bool {
        self.ready.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    pub(super) fn said_end(&self) {
        self.ending.store(false, Ordering::Release);
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    pub(super) fn hear(&self, hear: impl FnOnce(&mut Heard)) {
        self.heard.send_modify(hear);
    }

    /// Whether this was heard.
    pub(super) fn has_heard(&self, what: fn(&Heard) -> bool) -> bool {
        what(&self.heard.borrow())
    }

    /// Resolves when this was heard. Cancel safe.
    pub(super) fn heard(&self, what: fn(&Heard) -> bool) -> impl Future<Output = ()> + Send + use<> {
        let mut heard = self.heard.subscribe();
        async move {
            if heard.wait_for(what).await.is_err() {
                // The link is gone, and what has not been heard will not be.
                std::future::pending::<()>().await;
            }
        }
    }
}
