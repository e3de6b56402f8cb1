//! What loom has no model of.

use loom::sync::atomic::{AtomicBool, Ordering};

/// A value that is written once. Who reads it sees what happened before it was written, and nobody sees it sooner than the
/// memory model lets them.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    written: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), written: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.written.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.written.store(true, Ordering::Release);
        Ok(())
    }
}
