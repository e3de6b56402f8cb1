//! A part of the logs there are, under one lock.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use hashbrown::HashTable;

use super::log::{Counts, Log};
use crate::name::Interest;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
pub(super) struct Part {
    logs: RwLock<Logs>,
    /// How many logs there are, to be seen without the lock.
    len: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Logs {
    table: HashTable<Arc<Log>>,
    /// What was counted in logs that are gone.
    gone: Counts,
}

pub(super) struct Writing<'a> {
    logs: RwLockWriteGuard<'a, Logs>,
    len: &'a AtomicUsize,
}

impl Part {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Logs> {
        self.logs.read()
    }

    /// `None` where there is nothing to read.
    pub(super) fn read_any(&self) -> Option<RwLockReadGuard<'_, Logs>> {
        (!self.is_empty()).then(|| self.logs.read())
    }

    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    pub(super) fn write(&self) -> Writing<'_> {
        Writing { logs: self.logs.write(), len: &self.len }
    }
}

impl Logs {
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl FnMut(&Arc<Log>) -> bool) -> Option<&Arc<Log>> {
        self.table.find(hash, is_it)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.table.iter()
    }

    /// The log of an interest, which may be new.
    pub(super) fn find_or_make(&mut self, interest: &Interest) -> Arc<Log> {
        let hash = interest.hash_code();
        if let Some(log) = self.table.find(hash, |log| log.interest == *interest) {
            return log.clone();
        }
        let log = Arc::new(Log::new(interest.clone()));
        self.table.insert_unique(hash, log.clone(), |log| log.interest.hash_code());
        log
    }

    /// Takes a log out; what it has counted stays.
    pub(super) fn take(&mut self, hash: u64, is_it: impl FnMut(&Arc<Log>) -> bool) -> Option<Arc<Log>> {
        let (log, _) = self.table.find_entry(hash, is_it).ok()?.remove();
        self.gone += log.lock().counts;
        Some(log)
    }

    /// Whether it had this log, which goes unless it `stays`.
    pub(super) fn had(&mut self, log: &Arc<Log>, stays: bool) -> bool {
        let hash = log.interest.hash_code();
        let is_it = |other: &Arc<Log>| Arc::ptr_eq(other, log);
        if stays { self.find(hash, is_it).is_some() } else { self.take(hash, is_it).is_some() }
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Arc<Log>> + use<> {
        std::mem::take(&mut self.table).into_iter()
    }

    /// What was counted in all logs there are and were.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = self.gone;
        self.table.iter().for_each(|log| counts += log.lock().counts);
        counts
    }
}

impl Deref for Writing<'_> {
    type Target = Logs;

    fn deref(&self) -> &Logs {
        &self.logs
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Logs {
        &mut self.logs
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.len.store(self.logs.table.len(), Ordering::Release);
    }
}
