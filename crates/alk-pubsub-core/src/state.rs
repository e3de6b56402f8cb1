//! Whether a target is connected.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::watch;

/// How a target stands to its transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It has not been connected yet.
    Connecting,
    /// Connected, and all interests are confirmed.
    Connected,
    /// The connection was lost and is being made again.
    Reconnecting,
    /// Closed, for good.
    Closed,
}

impl ConnectionState {
    /// Of several on the way to a target the one that counts is the highest.
    fn rank(self) -> u8 {
        match self {
            ConnectionState::Connected => 0,
            ConnectionState::Connecting => 1,
            ConnectionState::Reconnecting => 2,
            ConnectionState::Closed => 3,
        }
    }
}

/// A [`ConnectionState`] and its changes.
#[derive(Debug, Clone)]
pub struct StateWatch(Vec<watch::Receiver<ConnectionState>>);

impl StateWatch {
    /// The state now.
    #[must_use]
    pub fn current(&self) -> ConnectionState {
        let states = self.0.iter().map(|watch| *watch.borrow());
        states.max_by_key(|state| state.rank()).unwrap_or(ConnectionState::Closed)
    }

    /// Of a target whose events go through both: connected while both are, closed when either is.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.settle();
        self
    }

    /// Waits for a change and returns the new state, which may be the old one again. For ever once the target is closed.
    ///
    /// Cancel safe: no change is lost, though of several in between only the last is seen.
    pub async fn changed(&mut self) -> ConnectionState {
        if !self.next().await {
            std::future::pending::<()>().await;
        }
        for watch in &mut self.0 {
            watch.mark_unchanged();
        }
        self.settle();
        self.current()
    }

    /// Waits until the target is connected; `false` if it was closed instead.
    ///
    /// Cancel safe.
    pub async fn wait_connected(&mut self) -> bool {
        loop {
            match self.current() {
                ConnectionState::Connected => return true,
                ConnectionState::Closed => return false,
                ConnectionState::Connecting | ConnectionState::Reconnecting => {}
            }
            if !self.next().await {
                return false;
            }
        }
    }

    /// Waits for a change of any of them; whether there was one, and not just nobody left to change anything.
    async fn next(&mut self) -> bool {
        let mut changes: Vec<_> = self.0.iter_mut().map(|watch| Box::pin(watch.changed())).collect();
        poll_fn(move |cx| {
            let mut changed = false;
            changes.retain_mut(|change| match change.as_mut().poll(cx) {
                Poll::Ready(changes) => {
                    changed |= changes.is_ok();
                    false
                }
                Poll::Pending => true,
            });
            if changed || changes.is_empty() { Poll::Ready(changed) } else { Poll::Pending }
        })
        .await
    }

    /// One that is closed stays so, whatever becomes of the others.
    fn settle(&mut self) {
        if self.current() == ConnectionState::Closed {
            self.0.retain(|watch| *watch.borrow() == ConnectionState::Closed);
        }
    }
}

impl From<watch::Receiver<ConnectionState>> for StateWatch {
    fn from(watch: watch::Receiver<ConnectionState>) -> Self {
        Self(vec![watch])
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::sync::watch;

    use super::ConnectionState::{Closed, Connected, Connecting, Reconnecting};
    use super::StateWatch;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn of_two_the_worse_counts_and_changes_of_both_are_seen() {
        let (near, far) = (watch::Sender::new(Connected), watch::Sender::new(Connecting));
        let mut state = StateWatch::from(near.subscribe()).and(far.subscribe().into());
        assert_eq!((state.current(), now(state.changed())), (Connecting, None));
        assert_eq!(now(state.wait_connected()), None);
        far.send_replace(Connected);
        assert_eq!(now(state.wait_connected()), Some(true));
        near.send_replace(Reconnecting);
        assert_eq!(now(state.changed()), Some(Reconnecting));
        near.send_replace(Connected);
        far.send_replace(Reconnecting);
        assert_eq!((now(state.changed()), now(state.changed())), (Some(Reconnecting), None));
        far.send_replace(Connected);
        assert_eq!(now(state.changed()), Some(Connected));
    }

    #[test]
    fn who_is_closed_hears_of_no_change_any_more() {
        let (near, far) = (watch::Sender::new(Connected), watch::Sender::new(Connected));
        let mut state = StateWatch::from(near.subscribe()).and(far.subscribe().into());
        near.send_replace(Closed);
        assert_eq!(now(state.changed()), Some(Closed));
        far.send_replace(Reconnecting);
        assert_eq!((state.current(), now(state.changed())), (Closed, None));
        assert_eq!(now(state.wait_connected()), Some(false));
    }

    #[test]
    fn a_target_that_is_gone_before_it_was_connected_never_is() {
        let (near, far) = (watch::Sender::new(Connected), watch::Sender::new(Connecting));
        let mut state = StateWatch::from(near.subscribe()).and(far.subscribe().into());
        drop(far);
        assert_eq!(now(state.wait_connected()), None, "the other may change yet");
        drop(near);
        assert_eq!((now(state.wait_connected()), now(state.changed())), (Some(false), None));
    }
}
