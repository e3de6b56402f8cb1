//! Callbacks: run by whoever appends, one at a time for each log, in the log's order, with no lock held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::after::After;
use super::bounds::Bounds;
use super::cursor::{Cursor, Next};
use super::log::{Log, State};
use crate::target::{EventListener, ListenerId};

/// The listeners of a log share one cursor, which the appender moves on.
#[derive(Default)]
pub(super) struct Listeners {
    list: ListenerList,
    /// `None` while somebody runs them.
    cursor: Option<Cursor>,
    running: bool,
}

pub(super) type ListenerList = Arc<Vec<Listening>>;

pub(super) struct Listening {
    id: ListenerId,
    /// The first position that it hears.
    from: u64,
    listener: Arc<dyn EventListener>,
}

impl Listeners {
    pub(super) fn want_to_run(&self) -> bool {
        self.cursor.is_some() && !self.running
    }
}

impl State {
    pub(crate) fn add_listener(&mut self, log: &Arc<Log>, id: ListenerId, listener: Arc<dyn EventListener>) {
        let from = self.tail();
        let listeners = &self.rare().listeners;
        if listeners.cursor.is_none() && !listeners.running {
            let cursor = Cursor::join(log, self, Bounds::default());
            // The cursor serves the listeners, which are counted one by one.
            self.members -= 1;
            self.rare().listeners.cursor = Some(cursor);
        }
        let list = &mut self.rare().listeners.list;
        let others =
            list.iter().map(|old| Listening { id: old.id, from: old.from, listener: old.listener.clone() });
        *list = Arc::new(others.chain([Listening { id, from, listener }]).collect());
        self.members += 1;
    }

    /// Whether it was there.
    pub(crate) fn remove_listener(&mut self, id: ListenerId, after: &mut After) -> bool {
        let Some(rare) = &mut self.rare else { return false };
        let list = &mut rare.listeners.list;
        if !list.iter().any(|old| old.id == id) {
            return false;
        }
        let others = list.iter().filter(|old| old.id != id);
        let others = others
            .map(|old| Listening { id: old.id, from: old.from, listener: old.listener.clone() })
            .collect();
        // The last reference to a listener is foreign code to drop.
        after.drop_later(std::mem::replace(list, Arc::new(others)));
        let unused = list.is_empty().then(|| rare.listeners.cursor.take()).flatten();
        if let Some(mut cursor) = unused {
            self.members += 1;
            cursor.leave(self, after);
            after.drop_later(cursor);
        }
        self.members -= 1;
        true
    }
}

impl Log {
    /// Runs the listeners on all they have not heard yet, unless somebody is at it.
    pub(super) fn run_listeners(self: &Arc<Self>) {
        let Some(mut turn) = Turn::begin(self) else { return };
        loop {
            let next = turn.cursor.next();
            // A gap is heard by everybody who listened before its end.
            let end = turn.cursor.position();
            match next {
                Next::Event(event) => turn.each(end, |listener| listener.on_event(&event)),
                Next::Gap(gap) => turn.each(end, |listener| listener.on_gap(&gap)),
                Next::Empty | Next::Closed => match turn.end() {
                    Some(again) => turn = again,
                    None => return,
                },
            }
        }
    }

    /// Lets go of the listeners, whose cursor keeps the log.
    pub(super) fn clear_listeners(&self) {
        let listeners = self.lock().rare.as_mut().map(|rare| std::mem::take(&mut rare.listeners));
        drop(listeners);
    }
}

/// The right to run a log's listeners.
struct Turn {
    log: Arc<Log>,
    cursor: Cursor,
    list: ListenerList,
}

impl Turn {
    fn begin(log: &Arc<Log>) -> Option<Self> {
        let mut state = log.lock();
        let listeners = &mut state.rare.as_mut()?.listeners;
        let cursor = listeners.cursor.take()?;
        listeners.running = true;
        Some(Self { log: log.clone(), cursor, list: listeners.list.clone() })
    }

    /// Calls those who listened before the position `end`.
    fn each(&mut self, end: u64, call: impl Fn(&dyn EventListener)) {
        // Who was added or removed by a listener counts from the next event on.
        let list = self.log.lock().rare.as_ref().map(|rare| rare.listeners.list.clone());
        if let Some(list) = list {
            // Not under the lock: this may be the last reference to a listener that was removed.
            self.list = list;
        }
        for listening in self.list.iter().filter(|listening| listening.from < end) {
            if catch_unwind(AssertUnwindSafe(|| call(&*listening.listener))).is_err() {
                tracing::error!(interest = %self.log.interest, "an event listener panicked");
            }
        }
    }

    /// Gives the turn back, unless there is more to do or the target was closed in between.
    fn end(self) -> Option<Self> {
        let Self { log, mut cursor, list } = self;
        let mut after = After::default();
        let mut ended = None;
        {
            let mut state = log.lock();
            if state.tail() != cursor.position() {
                drop(state);
                return Some(Self { log, cursor, list });
            }
            let closed = state.closed;
            let listeners = &mut state.rare().listeners;
            listeners.running = false;
            if closed {
                ended = Some(std::mem::take(&mut listeners.list));
            }
            if listeners.list.is_empty() {
                state.members += 1;
                cursor.leave(&mut state, &mut after);
                if let Some(list) = &ended {
                    state.members -= u32::try_from(list.len()).unwrap_or(u32::MAX);
                }
                state.clear_unused(&mut after);
            } else {
                listeners.cursor = Some(cursor);
            }
        }
        after.run();
        for listening in ended.iter().flat_map(|list| list.iter()) {
            if catch_unwind(AssertUnwindSafe(|| listening.listener.on_close())).is_err() {
                tracing::error!(interest = %log.interest, "an event listener panicked");
            }
        }
        None
    }
}
