use std::fmt;
use std::hash::Hash;

use futures_core::Stream;

use super::super::operator::Operator;
use super::limits::GroupLimits;
use super::stream::GroupByStream;

/// A stream of groups, one for each key: `(K, Group)`, where the [`Group`](super::Group) is a stream of the
/// items whose `key` is `K`, from the first on.
///
/// Polling the stream of groups or any group takes items from the source and hands each to its group, so
/// either of them may be read alone, and all of them on different tasks. Nobody has to be read for the others
/// to go on:
///
/// - A group holds [`capacity`](GroupLimits::capacity) items; when one more comes it loses its oldest and
///   [counts](super::Group::missed) it.
/// - There are at most [`max_groups`](GroupLimits::max_groups); when one more begins, that without an item
///   for the longest time ends, after what it holds.
/// - As many are held for the stream of groups to be polled; when one more begins, the oldest of these is
///   lost, and what was in it [counted](super::GroupByStream::missed).
///
/// A key whose group has ended or was dropped gets a new one with its next item. To ignore a key, drop its
/// groups.
///
/// - **Completion**: the stream of groups, and all groups, end when the source ends, after what they hold. A
///   panic of the source or of `key` ends them likewise. Once the stream of groups has been dropped no group
///   begins any more: the items of other keys are nobody's, and dropped. When it and all groups have been
///   dropped, the source is.
/// - **Cancel safety**: safe; what was taken from the source is in the groups.
/// - **Memory**: see [`GroupLimits`], and what is in groups that have ended while you hold them.
///
/// A source that was pending and has something again wakes every reader that waits, since any one of them
/// alone might never be polled again. That is a wake-up for each group with a task of its own; where there
/// are thousands, let one task read them all.
///
/// ```
/// use alk_pubsub_core::operators::{GroupLimits, StreamPipe, group_by};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let tokens = stream::iter([("s1", "Hel"), ("s2", "Good"), ("s1", "lo"), ("s2", "bye")]);
/// let mut sessions = tokens.pipe(group_by(|(session, _)| *session, GroupLimits::default()));
///
/// let mut texts = Vec::new();
/// while let Some((session, group)) = sessions.next().await {
///     texts.push(tokio::spawn(async move {
///         (session, group.map(|(_, token)| token).collect::<String>().await)
///     }));
/// }
/// assert_eq!(texts.remove(0).await.unwrap(), ("s1", "Hello".to_owned()));
/// assert_eq!(texts.remove(0).await.unwrap(), ("s2", "Goodbye".to_owned()));
/// # }
/// ```
pub fn group_by<T, K, F>(key: F, limits: GroupLimits) -> GroupBy<F>
where
    F: FnMut(&T) -> K,
    K: Clone + Eq + Hash,
{
    GroupBy { key, limits }
}

/// The operator that [`group_by`] makes.
#[derive(Clone)]
#[must_use = "operators do nothing until they are piped onto a stream"]
pub struct GroupBy<F> {
    key: F,
    limits: GroupLimits,
}

impl<S, K, F> Operator<S> for GroupBy<F>
where
    S: Stream,
    F: FnMut(&S::Item) -> K,
    K: Clone + Eq + Hash,
{
    type Output = GroupByStream<S, K, F>;

    fn apply(self, stream: S) -> Self::Output {
        GroupByStream::new(stream, self.key, self.limits)
    }
}

impl<F> fmt::Debug for GroupBy<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupBy").field("limits", &self.limits).finish_non_exhaustive()
    }
}
