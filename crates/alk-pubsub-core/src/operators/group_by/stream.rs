use std::fmt;
use std::hash::Hash;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::super::hint::Hint;
use super::driver::Driver;
use super::group::Group;
use super::limits::GroupLimits;
use super::shared::Shared;
use super::waiting::STREAM_OF_GROUPS;

/// The stream behind [`group_by`](fn@super::group_by): the groups, each with its key, as they begin.
#[must_use = "streams do nothing unless polled"]
pub struct GroupByStream<S: Stream, K, F> {
    shared: Arc<Shared<S, K, F>>,
}

impl<S, K, F> GroupByStream<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    pub(super) fn new(source: S, key: F, limits: GroupLimits) -> Self {
        Self { shared: Arc::new(Shared::new(Driver::new(source, key, limits))) }
    }
}

impl<S: Stream, K, F> GroupByStream<S, K, F> {
    /// How many items were lost together with groups that nobody took off this stream in time.
    ///
    /// It holds at most `max_groups` that were not taken yet; when one more begins, the oldest of them is
    /// lost. What a group that was taken has lost is in [`Group::missed`].
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.lock_entrance().missed
    }
}

impl<S, K, F> Stream for GroupByStream<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    type Item = (K, Group<S, K, F>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let shared = &self.shared;
        shared
            .poll_reader(STREAM_OF_GROUPS, cx, |wait| shared.take_group(wait))
            .map(|group| group.map(|(key, queue)| (key, Group::new(Arc::clone(shared), queue))))
    }

    /// The groups that have begun already. How many the source's items will make, if any, nobody knows.
    fn size_hint(&self) -> Hint {
        let ended = self.shared.has_ended();
        let begun = self.shared.lock_entrance().groups.len();
        (begun, ended.then_some(begun))
    }
}

impl<S, K, F> FusedStream for GroupByStream<S, K, F>
where
    S: Stream,
    K: Clone + Eq + Hash,
    F: FnMut(&S::Item) -> K,
{
    fn is_terminated(&self) -> bool {
        self.shared.has_ended() && self.shared.lock_entrance().groups.is_empty()
    }
}

impl<S: Stream, K, F> Drop for GroupByStream<S, K, F> {
    fn drop(&mut self) {
        drop(self.shared.waiting.remove(STREAM_OF_GROUPS));
        let groups = {
            let mut entrance = self.shared.lock_entrance();
            entrance.closed = true;
            mem::take(&mut entrance.groups)
        };
        for (_, queue) in groups {
            drop(Group::new(Arc::clone(&self.shared), queue));
        }
    }
}

impl<S: Stream, K, F> fmt::Debug for GroupByStream<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, missed) = {
            let entrance = self.shared.lock_entrance();
            (entrance.groups.len(), entrance.missed)
        };
        f.debug_struct("GroupByStream")
            .field("waiting", &waiting)
            .field("missed", &missed)
            .field("ended", &self.shared.has_ended())
            .finish_non_exhaustive()
    }
}
