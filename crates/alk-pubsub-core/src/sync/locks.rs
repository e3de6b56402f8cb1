//! The locks of std or of loom.

use std::sync::PoisonError;
#[cfg(not(loom))]
pub(crate) use std::sync::{MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{RwLockReadGuard, RwLockWriteGuard};

#[cfg(not(loom))]
use std::sync as kind;

#[cfg(loom)]
pub(crate) use super::modelled::Slot;
#[cfg(loom)]
use loom::sync as kind;
#[cfg(loom)]
pub(crate) use loom::sync::{MutexGuard, atomic};
#[cfg(loom)]
pub(crate) use loom::sync::{RwLockReadGuard, RwLockWriteGuard};

/// Stands between a store and a load that are `SeqCst` for each other's sake: loom knows that order of fences only.
#[inline]
pub(crate) fn sequenced() {
    #[cfg(loom)]
    atomic::fence(atomic::Ordering::SeqCst);
}

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(kind::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(kind::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(kind::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that is written once, by who holds a lock: nobody ever spins.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Slot<T>(spin::Once<T>);

#[cfg(not(loom))]
impl<T> Slot<T> {
    pub(crate) const fn new() -> Self {
        Self(spin::Once::new())
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    #[inline]
    pub(crate) fn set(&self, value: T) {
        self.0.call_once(|| value);
    }
}
