use std::pin::pin;
use std::task::Context;

/// Has the task woken when all others have had their turn. To be called before it says that it is pending.
///
/// A waker alone would not do: a current-thread runtime runs up to 61 tasks that are ready, one again and again if there is no
/// other, before it looks at the future that it blocks on.
pub(crate) fn give_way(cx: &mut Context<'_>) {
    let given = pin!(tokio::task::yield_now()).poll(cx);
    debug_assert!(given.is_pending());
}
