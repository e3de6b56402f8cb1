use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::super::hint::Hint;
use super::queue::Queue;
use super::shared::Shared;

/// The items of one key, from its first on; made by [`group_by`](fn@super::group_by).
///
/// Holds a limited number of items. When one more comes, the oldest is lost and [counted](Self::missed).
///
/// Reading a group takes items from the source, also those of other groups, until there is one for it. So a
/// group may be read to its end without polling the stream of groups, on whichever task.
#[must_use = "streams do nothing unless polled"]
pub struct Group<S: Stream, K, F> {
    shared: Arc<Shared<S, K, F>>,
    queue: Arc<Queue<S::Item>>,
}

impl<S: Stream, K, F> Group<S, K, F> {
    pub(super) fn new(shared: Arc<Shared<S, K, F>>, queue: Arc<Queue<S::Item>>) -> Self {
        Self { shared, queue }
    }

    /// How many items were lost because they were not read in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.missed()
    }

    /// Whether nothing more will be put in: the source has ended, or this group had to make room for another
    /// one.
    fn has_ended(&self) -> bool {
        self.shared.has_ended() || self.queue.has_ended()
    }
}

impl<S, K, F> Stream for Group<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { shared, queue } = &*self;
        shared.poll_reader(queue.reader(), cx, |wait| queue.pop(shared.has_ended(), wait))
    }

    /// The items it holds already. How many of the source's will come, nobody knows.
    fn size_hint(&self) -> Hint {
        let ended = self.has_ended();
        let held = self.queue.len();
        (held, ended.then_some(held))
    }
}

impl<S, K, F> FusedStream for Group<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    fn is_terminated(&self) -> bool {
        self.has_ended() && self.queue.len() == 0
    }
}

impl<S: Stream, K, F> Drop for Group<S, K, F> {
    fn drop(&mut self) {
        drop(self.shared.waiting.remove(self.queue.reader()));
        let remains = self.queue.leave();
        if remains.was_live {
            self.shared.lock_entrance().left.push((self.queue.place(), self.queue.reader()));
        }
    }
}

impl<S: Stream, K, F> fmt::Debug for Group<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("held", &self.queue.len())
            .field("missed", &self.missed())
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
