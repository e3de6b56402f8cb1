//! What loom has no model of.

use loom::sync::atomic::{AtomicBool, Ordering};

/// A value that is written once. Who reads it sees what happened before it was written, and nobody sees it sooner than the
/// memory model lets them.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    value: std::sync::OnceLock<T>,
    written: AtomicBool,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), written: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.written.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) {
        assert!(self.value.set(value).is_ok(), "it is written once");
        self.written.store(true, Ordering::Release);
    }
}
