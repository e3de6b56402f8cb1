//! Locks without poisoning: no code of ours panics under one, and foreign code never runs under one. With `--cfg loom` they, and
//! the atomics of the logs, are those of loom, which tries the schedules of the models in `router/tests/schedules`.

mod locks;
#[cfg(loom)]
mod modelled;

pub(crate) use locks::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Slot, atomic, sequenced,
};
