//! Who is woken: a task, or one member of a set that a task waits for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use smallvec::SmallVec;

use crate::sync::Mutex;

/// How a reader that has caught up is told that there is more.
#[derive(Clone)]
pub(crate) enum Wake {
    Task(Waker),
    Member(Arc<ReadySet>, u32),
}

impl Wake {
    pub(crate) fn wake(self) {
        match self {
            Wake::Task(waker) => waker.wake(),
            Wake::Member(set, member) => set.wake(member),
        }
    }
}

/// The members of a set that are worth looking at, so that a task with many subscriptions need not poll them all.
#[derive(Default)]
pub(crate) struct ReadySet(Mutex<Ready>);

#[derive(Default)]
struct Ready {
    /// In the order they became ready. A member stands here at most once for each time it parked.
    members: SmallVec<[u32; 4]>,
    task: Option<Waker>,
}

impl ReadySet {
    pub(crate) fn wake(&self, member: u32) {
        let task = {
            let mut ready = self.0.lock();
            ready.members.push(member);
            ready.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().members.len()
    }

    /// Has this task woken when a member is ready.
    pub(crate) fn wait(&self, task: Waker) {
        self.0.lock().task = Some(task);
    }

    /// This member has gone.
    pub(crate) fn forget(&self, member: u32) {
        self.0.lock().members.retain(|other| *other != member);
    }

    /// Wakes the task and leaves nothing to look at.
    pub(crate) fn clear(&self) {
        let task = {
            let mut ready = self.0.lock();
            ready.members.clear();
            ready.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Takes all ready members, all but the first into `rest`. With none, the task is woken when there is one.
    pub(crate) fn take(&self, rest: &mut VecDeque<u32>, cx: &mut Context<'_>) -> Option<u32> {
        let mut ready = self.0.lock();
        let Ready { members, task } = &mut *ready;
        let mut members = members.drain(..);
        let first = members.next();
        if first.is_some() {
            rest.extend(members);
        } else {
            match task {
                Some(task) => task.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        first
    }
}

/// What is to be woken once a lock is released. Mostly nobody or one.
#[derive(Default)]
pub(crate) enum Wakes {
    #[default]
    None,
    One(Wake),
    Many(Vec<Wake>),
}

impl Wakes {
    pub(crate) fn push(&mut self, wake: Wake) {
        match std::mem::take(self) {
            Wakes::None => *self = Wakes::One(wake),
            Wakes::One(first) => *self = Wakes::Many(vec![first, wake]),
            Wakes::Many(mut wakes) => {
                wakes.push(wake);
                *self = Wakes::Many(wakes);
            }
        }
    }

    pub(crate) fn wake(self) {
        match self {
            Wakes::None => {}
            Wakes::One(wake) => wake.wake(),
            Wakes::Many(wakes) => wakes.into_iter().for_each(Wake::wake),
        }
    }
}
