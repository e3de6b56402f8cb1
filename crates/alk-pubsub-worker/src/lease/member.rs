use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alk_pubsub_core::{Event, EventListener, Gap};

/// A listener that can be told of the end by somebody else than the target it listens to.
///
/// It hears of the end once, after the calls that are under way, and nothing after that.
pub(super) struct Member {
    listener: Arc<dyn EventListener>,
    state: Mutex<State>,
    /// Run when the member is dropped.
    leave: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    /// Calls of the listener under way.
    calls: u32,
    ended: bool,
    told: bool,
}

impl Member {
    pub(super) fn new(listener: Arc<dyn EventListener>, leave: impl Fn() + Send + Sync + 'static) -> Self {
        Self { listener, state: Mutex::default(), leave: Box::new(leave) }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.tell();
    }

    fn call(&self, call: impl FnOnce(&dyn EventListener)) {
        {
            let mut state = self.lock();
            if state.ended {
                return;
            }
            state.calls += 1;
        }
        let called = catch_unwind(AssertUnwindSafe(|| call(&*self.listener)));
        self.lock().calls -= 1;
        self.tell();
        if let Err(panic) = called {
            resume_unwind(panic);
        }
    }

    /// Tells the listener of the end if there was one, nobody did, and no call is under way.
    fn tell(&self) {
        {
            let mut state = self.lock();
            if !state.ended || state.told || state.calls > 0 {
                return;
            }
            state.told = true;
        }
        if catch_unwind(AssertUnwindSafe(|| self.listener.on_close())).is_err() {
            tracing::error!("an event listener panicked");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventListener for Member {
    fn on_event(&self, event: &Event) {
        self.call(|listener| listener.on_event(event));
    }

    fn on_gap(&self, gap: &Gap) {
        self.call(|listener| listener.on_gap(gap));
    }

    fn on_close(&self) {
        self.end();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        (self.leave)();
    }
}
