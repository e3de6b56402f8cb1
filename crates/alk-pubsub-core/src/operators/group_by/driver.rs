use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::super::recent::Recent;
use super::limits::GroupLimits;
use super::queue::{Pushed, Queue};
use super::shared::Shared;
use super::waiting::{FIRST_GROUP, ReaderId, STREAM_OF_GROUPS};

/// Takes items from the source and puts them into the queues of their groups.
///
/// In the hands of one reader at a time, and of none while a lock is held.
pub(super) struct Driver<S: Stream, K, F> {
    source: Pin<Box<S>>,
    key: F,
    limits: GroupLimits,
    groups: Recent<K, Arc<Queue<S::Item>>>,
    next_reader: ReaderId,
    /// Items since the source was last pending, or somebody else had a turn.
    in_a_row: usize,
}

/// Why the driver stopped.
#[derive(Debug)]
pub(super) enum Stop<R> {
    /// There is something for the reader who drives.
    Found(Option<R>),
    /// It is time for the readers of what was put into the queues.
    FarEnough,
    SourcePending,
    SourceEnded,
}

/// A reader on the same thread who takes what it has whenever others stop here loses nothing: no queue can
/// fill up in between. (A queue that is smaller than this is the limit itself.)
const MAX_IN_A_ROW: usize = 128;

impl<S, K, F> Driver<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    pub(super) fn new(source: S, key: F, limits: GroupLimits) -> Self {
        Self {
            source: Box::pin(source),
            key,
            limits,
            groups: Recent::new(limits.max_groups()),
            next_reader: FIRST_GROUP,
            in_a_row: 0,
        }
    }

    /// Goes on until `find` finds something for the reader, or there is a reason to stop.
    pub(super) fn drive<R>(
        &mut self,
        shared: &Shared<S, K, F>,
        mut find: impl FnMut() -> Poll<Option<R>>,
    ) -> Stop<R> {
        let mut cx = Context::from_waker(&shared.source_waker);
        shared.waiting.expect_wake();
        loop {
            if self.in_a_row >= self.limits.capacity().min(MAX_IN_A_ROW) {
                self.in_a_row = 0;
                return Stop::FarEnough;
            }
            match self.source.as_mut().poll_next(&mut cx) {
                Poll::Ready(Some(item)) => self.put(item, shared),
                Poll::Ready(None) => return Stop::SourceEnded,
                Poll::Pending => {
                    self.in_a_row = 0;
                    return Stop::SourcePending;
                }
            }
            self.in_a_row += 1;
            if let Poll::Ready(found) = find() {
                return Stop::Found(found);
            }
        }
    }

    fn put(&mut self, item: S::Item, shared: &Shared<S, K, F>) {
        let key = (self.key)(&item);
        let item = match self.groups.touch(&key) {
            Ok(queue) => match queue.push(item, self.limits.capacity()) {
                Pushed::In { lost, wake } => {
                    if wake {
                        shared.waiting.wake(queue.reader());
                    }
                    drop(lost);
                    return;
                }
                Pushed::Left(item) => item,
            },
            Err(_) => item,
        };
        self.begin(key, item, shared);
    }

    /// Begins a group, if anybody wants groups.
    fn begin(&mut self, key: K, item: S::Item, shared: &Shared<S, K, F>) {
        let mut entrance = shared.lock_entrance();
        if entrance.closed {
            drop(entrance); // before what came in is dropped
            return;
        }
        let left = mem::take(&mut entrance.left);
        let full = entrance.groups.len() >= self.limits.max_groups();
        let crowded_out = if full { entrance.groups.pop_front() } else { None };
        drop(entrance);

        for (place, reader) in left {
            self.forget_first(place, reader);
        }
        if let Some((_, queue)) = crowded_out {
            let remains = queue.leave();
            shared.lock_entrance().missed += remains.missed + remains.items.len() as u64;
            self.forget_first(queue.place(), queue.reader());
        }

        let reader = self.next_reader;
        self.next_reader += 1;
        let queue = match self.groups.touch(&key) {
            Ok(left) => {
                *left = Arc::new(Queue::new(reader, left.place(), item));
                Arc::clone(left)
            }
            Err(absent) => {
                let queue = Arc::new(Queue::new(reader, self.groups.next_place(), item));
                let evicted = self.groups.insert(absent, key.clone(), Arc::clone(&queue));
                if let Some((_, idle)) = evicted
                    && idle.end()
                {
                    shared.waiting.wake(idle.reader());
                }
                queue
            }
        };

        let mut entrance = shared.lock_entrance();
        if entrance.closed {
            drop(entrance); // it has been closed meanwhile: nobody will read this group
            queue.leave();
            return;
        }
        entrance.groups.push_back((key, queue));
        let wake = mem::take(&mut entrance.reader_waits);
        drop(entrance);
        if wake {
            shared.waiting.wake(STREAM_OF_GROUPS);
        }
    }

    /// Lets a group that nobody reads make room before any that is read.
    fn forget_first(&mut self, place: usize, reader: ReaderId) {
        // The place may be another group's by now.
        if self.groups.at(place).is_some_and(|queue| queue.reader() == reader) {
            self.groups.make_oldest(place);
        }
    }
}
