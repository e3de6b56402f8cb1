use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::driver::{Driver, Stop};
use super::queue::Queue;
use super::waiting::{ReaderId, Waiting};

/// What the readers of one source have in common.
pub(super) struct Shared<S: Stream, K, F> {
    pub(super) waiting: Arc<Waiting>,
    /// `waiting`, as the source sees it.
    pub(super) source_waker: Waker,
    pub(super) entrance: Mutex<Entrance<K, S::Item>>,
    /// Not in its place while somebody drives, nor after the end.
    driver: Mutex<Option<Box<Driver<S, K, F>>>>,
    ended: AtomicBool,
}

/// A group and its key.
pub(super) type Begun<K, T> = (K, Arc<Queue<T>>);

/// Where new groups wait for the reader of the stream of groups.
#[derive(Debug)]
pub(super) struct Entrance<K, T> {
    pub(super) groups: VecDeque<Begun<K, T>>,
    /// How many items went with groups for which there was no room here any more.
    pub(super) missed: u64,
    pub(super) reader_waits: bool,
    /// The reader has gone: no more groups.
    pub(super) closed: bool,
    /// Groups whose readers have gone, by place and reader, for the driver to forget first. At most one for
    /// each live group, since the driver empties it before it begins another one.
    pub(super) left: Vec<(usize, ReaderId)>,
}

impl<S: Stream, K, F> Shared<S, K, F> {
    pub(super) fn new(driver: Driver<S, K, F>) -> Self {
        let waiting = Arc::new(Waiting::new());
        let entrance = Entrance {
            groups: VecDeque::new(),
            missed: 0,
            reader_waits: false,
            closed: false,
            left: Vec::new(),
        };
        Self {
            source_waker: Waker::from(Arc::clone(&waiting)),
            waiting,
            entrance: Mutex::new(entrance),
            driver: Mutex::new(Some(Box::new(driver))),
            ended: AtomicBool::new(false),
        }
    }

    /// The next group, or that there will be none; with `wait`, one that comes later wakes the reader.
    pub(super) fn take_group(&self, wait: bool) -> Poll<Option<Begun<K, S::Item>>> {
        let ended = self.has_ended();
        let mut entrance = self.lock_entrance();
        if let Some(group) = entrance.groups.pop_front() {
            return Poll::Ready(Some(group));
        }
        if ended {
            return Poll::Ready(None);
        }
        entrance.reader_waits = wait;
        Poll::Pending
    }

    /// Whether the source has ended. Once it has, all that it gave stands in the queues.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn lock_entrance(&self) -> MutexGuard<'_, Entrance<K, S::Item>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_driver(&self) -> MutexGuard<'_, Option<Box<Driver<S, K, F>>>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, K, F> Shared<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    /// Polls for a reader. `take` has what is there for it, and marks it as one to be woken when called with
    /// `true`.
    ///
    /// A reader to whom this returns `Pending` is woken
    /// - when something is put in for it: it has marked itself, or it finds it when it does;
    /// - when the source is ready again: its waker is in `waiting`, whoever polled the source, or it finds
    ///   the source ready;
    /// - when somebody who drove meanwhile left the source without having seen it pending: that one wakes all
    ///   who wait, or has put the driver back before this one looks.
    pub(super) fn poll_reader<R>(
        &self,
        reader: ReaderId,
        cx: &mut Context<'_>,
        mut take: impl FnMut(bool) -> Poll<Option<R>>,
    ) -> Poll<Option<R>> {
        if let Poll::Ready(found) = take(false) {
            return Poll::Ready(found);
        }
        if let Some(turn) = self.turn() {
            match turn.drive(|| take(false)) {
                Stop::Found(found) => return Poll::Ready(found),
                Stop::FarEnough => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Stop::SourceEnded => return take(false),
                Stop::SourcePending => {}
            }
        }
        self.waiting.add(reader, cx.waker());
        if let Poll::Ready(found) = take(true) {
            drop(self.waiting.remove(reader));
            return Poll::Ready(found);
        }
        // Not another round here, but a wake: a source that wakes itself whenever it is polled wants others
        // to have a turn.
        if self.waiting.source_is_ready() && self.lock_driver().is_some() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The right to drive, if there is any use in it and nobody else has it.
    fn turn(&self) -> Option<Turn<'_, S, K, F>> {
        if !self.waiting.source_is_ready() {
            return None;
        }
        let driver = self.lock_driver().take()?;
        Some(Turn { shared: self, driver: Some(driver) })
    }
}

/// The driver, out of its place.
///
/// When this is dropped with it, in a panic of the source or of the key function, there will be no driver any
/// more: all ends.
struct Turn<'a, S: Stream, K, F> {
    shared: &'a Shared<S, K, F>,
    driver: Option<Box<Driver<S, K, F>>>,
}

impl<S, K, F> Turn<'_, S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    fn drive<R>(mut self, find: impl FnMut() -> Poll<Option<R>>) -> Stop<R> {
        let Some(driver) = &mut self.driver else {
            return Stop::SourceEnded;
        };
        let stop = driver.drive(self.shared, find);
        match stop {
            Stop::SourceEnded => return stop, // and the driver with it
            Stop::SourcePending => {}
            Stop::Found(_) | Stop::FarEnough => self.shared.waiting.expect_no_wake(),
        }
        *self.shared.lock_driver() = self.driver.take();
        if self.shared.waiting.source_is_ready() {
            // Those who came while the driver was out of its place. (Who waited before has been woken by the
            // source.)
            self.shared.waiting.wake_all();
        }
        stop
    }
}

impl<S: Stream, K, F> Drop for Turn<'_, S, K, F> {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            self.shared.ended.store(true, Ordering::Release);
            self.shared.waiting.wake_all();
            drop(driver);
        }
    }
}
