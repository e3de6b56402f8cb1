use std::sync::Arc;

use super::chunk::{Chunk, Entry};
use super::cursor::Cursor;
use super::listeners::ListenerList;
use super::log::Log;
use super::wake::{Wake, Wakes};

/// What is left to be done when no lock is held: waking, running listeners, and dropping, since payloads, wakers
/// and listeners run foreign code when they are dropped.
#[derive(Default)]
pub(crate) struct After {
    pub(super) wakes: Wakes,
    /// Mostly nothing.
    later: Vec<Later>,
}

enum Later {
    RunListeners(Arc<Log>),
    Drop(#[allow(dead_code, reason = "it is only held, to be dropped in time")] Dropped),
}

#[allow(dead_code, reason = "what is in it is never read again")]
pub(super) enum Dropped {
    Chunk(Arc<Chunk>),
    Entry(Entry),
    Wake(Wake),
    Cursor(Box<Cursor>),
    Listeners(ListenerList),
}

impl After {
    pub(super) fn drop_later(&mut self, dropped: impl Into<Dropped>) {
        self.later.push(Later::Drop(dropped.into()));
    }

    pub(super) fn run_listeners_later(&mut self, log: Arc<Log>) {
        self.later.push(Later::RunListeners(log));
    }

    #[inline]
    pub(crate) fn run(self) {
        let Self { wakes, later } = self;
        if let Wakes::One(_) | Wakes::Many(_) = wakes {
            wakes.wake();
        }
        if !later.is_empty() {
            // What is dropped stays until the listeners have run.
            run_later(&later);
        }
    }
}

#[inline(never)]
fn run_later(later: &[Later]) {
    for later in later {
        if let Later::RunListeners(log) = later {
            log.run_listeners();
        }
    }
}

impl From<Arc<Chunk>> for Dropped {
    fn from(chunk: Arc<Chunk>) -> Self {
        Dropped::Chunk(chunk)
    }
}

impl From<Entry> for Dropped {
    fn from(entry: Entry) -> Self {
        Dropped::Entry(entry)
    }
}

impl From<Wake> for Dropped {
    fn from(wake: Wake) -> Self {
        Dropped::Wake(wake)
    }
}

impl From<Cursor> for Dropped {
    fn from(cursor: Cursor) -> Self {
        Dropped::Cursor(Box::new(cursor))
    }
}

impl From<ListenerList> for Dropped {
    fn from(listeners: ListenerList) -> Self {
        Dropped::Listeners(listeners)
    }
}
