//! A subscription before anybody has looked at the payloads.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::after::After;
use super::bounds::{Bounds, Overflow};
use super::cursor::{Cursor, Next};
use super::ending::{EndHandle, Ending, What};
use super::latest::{LatestQueue, Taken};
use super::log::{Log, State};
use super::wake::Wake;
use crate::error::Error;
use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::name::Interest;

/// One subscription to one interest, whose events are not decoded.
///
/// What an [`EventTarget`](crate::EventTarget) gives to a [`Subscription`](crate::Subscription) or to a
/// [`Feed`](crate::Feed). Dropping it unsubscribes, at once and from anywhere.
pub struct RawSubscription {
    source: Source,
    owner: Arc<dyn Registry>,
    losses: Option<Box<Losses>>,
}

/// What a subscription has missed, if it has.
#[derive(Default)]
struct Losses {
    missed: u64,
    /// What was missed since the last event, for the log.
    losing: u64,
    /// What stands in the way of a [`Gap`] becoming part of the next of the same kind.
    undecodable: u64,
}

pub(crate) enum Source {
    Cursor(Cursor),
    Latest(Arc<LatestQueue>, Beside),
    /// Reads nothing and only keeps the interest, see [`RawSubscription::hold`].
    Held(Beside),
}

/// What a cursor knows itself.
pub(crate) struct Beside {
    log: Arc<Log>,
    bounds: Bounds,
    /// There if it can be ended from outside.
    ending: Option<Arc<Ending>>,
}

/// Whoever has the table that a subscription stands in.
pub(crate) trait Registry: Send + Sync + 'static {
    fn leave(&self, log: &Arc<Log>, leave: &mut dyn FnMut(&mut State, &mut After));

    fn count_gap(&self, gap: Gap);

    /// Waits until appends are through that began before the newest log was there.
    fn settle(&self) {}

    /// Whether other subscriptions get copies of an event, each at a time of its own.
    fn delivers_copies(&self) -> bool {
        false
    }
}

/// What a subscription comes upon.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Event(Event),
    Gap(Gap),
}

impl RawSubscription {
    /// Subscribes to a log whose lock is `state`.
    pub(crate) fn join(log: &Arc<Log>, state: &mut State, bounds: Bounds, owner: Arc<dyn Registry>) -> Self {
        Self::new(Self::source(log, state, bounds), owner)
    }

    pub(super) fn source(log: &Arc<Log>, state: &mut State, bounds: Bounds) -> Source {
        if bounds.overflow == Overflow::Latest {
            let queue = Arc::new(LatestQueue::new(bounds.events, bounds.bytes));
            state.rare().latest.push(queue.clone());
            state.members += 1;
            Source::Latest(queue, Beside { log: log.clone(), bounds, ending: None })
        } else {
            Source::Cursor(Cursor::join(log, state, bounds))
        }
    }

    pub(super) fn new(source: Source, owner: Arc<dyn Registry>) -> Self {
        Self { source, owner, losses: None }
    }

    #[inline]
    fn log(&self) -> &Arc<Log> {
        match &self.source {
            Source::Cursor(cursor) => cursor.log(),
            Source::Latest(_, beside) | Source::Held(beside) => &beside.log,
        }
    }

    fn ending(&self) -> Option<&Arc<Ending>> {
        match &self.source {
            Source::Cursor(cursor) => cursor.ending(),
            Source::Latest(_, beside) | Source::Held(beside) => beside.ending.as_ref(),
        }
    }

    /// Stops reading and keeps the interest, so that the upstream goes on bringing it.
    pub(crate) fn hold(&mut self) {
        let mut after = After::default();
        let (log, bounds, ending) = (self.log().clone(), self.bounds(), self.ending().cloned());
        {
            let mut state = log.lock();
            self.source.leave(&mut state, &mut after);
            state.members += 1;
            state.held += 1;
        }
        self.source = Source::Held(Beside { log, bounds, ending });
        after.run();
    }

    /// To be called before [`resume`](Self::resume) and [`cut`](Self::cut).
    pub(crate) fn settle(&self) {
        self.owner.settle();
    }

    /// Reads again, what comes from now on; returns where that begins in the log of `broader`, which covers it.
    ///
    /// An event is appended to all its logs with their locks held together, the narrower first. With both locks held
    /// here, in the same order, it is before both positions or behind both. That holds for an append which knew of both logs,
    /// see [`settle`](Self::settle).
    pub(crate) fn resume(&mut self, broader: &RawSubscription) -> u64 {
        let log = self.log().clone();
        let mut state = log.lock();
        self.resume_in(&mut state);
        broader.log().lock().tail()
    }

    fn resume_in(&mut self, state: &mut State) {
        if let Source::Held(Beside { log, bounds, ending }) = &self.source {
            state.members -= 1;
            state.held -= 1;
            let mut source = Self::source(log, state, *bounds);
            match (&mut source, ending) {
                (Source::Cursor(cursor), Some(ending)) => cursor.set_ending(ending.clone(), state),
                (Source::Latest(_, beside) | Source::Held(beside), ending) => {
                    beside.ending.clone_from(ending);
                }
                (Source::Cursor(_), None) => {}
            }
            self.source = source;
        }
    }

    /// Reads again, what comes from now on.
    pub(crate) fn resume_alone(&mut self) {
        let log = self.log().clone();
        self.resume_in(&mut log.lock());
    }

    /// The ends of the log and of that of `broader` at one moment, see [`resume`](Self::resume).
    pub(crate) fn cut(&self, broader: &RawSubscription) -> (u64, u64) {
        let state = self.log().lock();
        (state.tail(), broader.log().lock().tail())
    }

    /// Whether other subscriptions get copies of its events, each at a time of its own.
    pub(crate) fn is_copy(&self) -> bool {
        self.owner.delivers_copies()
    }

    pub(crate) fn bounds(&self) -> Bounds {
        match &self.source {
            Source::Cursor(cursor) => cursor.bounds(),
            Source::Latest(_, beside) | Source::Held(beside) => beside.bounds,
        }
    }

    /// Whether nothing is left and nothing will come.
    pub(crate) fn is_ended(&self) -> bool {
        match &self.source {
            Source::Cursor(cursor) => cursor.is_ended(),
            Source::Latest(queue, _) => queue.is_ended(),
            Source::Held(_) => false,
        }
    }

    /// Ends it from elsewhere, see [`EndHandle`].
    pub fn end_handle(&mut self) -> EndHandle {
        if let Some(ending) = self.ending() {
            return ending.handle();
        }
        let log = self.log().clone();
        let state = log.lock();
        let (place, what, beside) = match &mut self.source {
            Source::Cursor(cursor) => return cursor.new_ending(&state).handle(),
            Source::Latest(queue, beside) => (0, What::Latest(queue.clone()), beside),
            // It reads where it is told, once it reads again.
            Source::Held(beside) => (Ending::NOWHERE, What::Cursor(None), beside),
        };
        beside.ending.insert(Ending::new(log.clone(), place, what)).handle()
    }

    /// Why it ends, if that is nobody's wish here: the upstream has given up for good, or the other side has refused this
    /// interest or taken it away. Known as soon as that has happened, which may be before everything was handed out.
    #[must_use]
    pub fn ended_by(&self) -> Option<Error> {
        self.log().lock().why_closed()
    }

    /// What it listens to.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.log().interest
    }

    /// How many events were missed so far, as far as that is known.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.losses.as_ref().map_or(0, |losses| losses.missed)
    }

    /// How many events wait to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Cursor(cursor) => usize::try_from(cursor.lag()).unwrap_or(usize::MAX),
            Source::Latest(queue, _) => queue.len(),
            Source::Held(_) => 0,
        }
    }

    /// Whether no event waits to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next item if there is one now: `Pending` never registers anybody.
    #[inline]
    pub(crate) fn try_next(&mut self) -> Poll<Option<Item>> {
        let next = match &mut self.source {
            Source::Cursor(cursor) => cursor.next(),
            Source::Latest(queue, _) => match queue.take() {
                Taken::Event(event) => Next::Event(event),
                Taken::Gap(gap) => Next::Gap(gap),
                Taken::Nothing => Next::Empty,
                Taken::Closed => Next::Closed,
            },
            Source::Held(_) => Next::Empty,
        };
        match next {
            Next::Event(event) => {
                if self.losses.is_some() {
                    self.has_caught_up();
                }
                Poll::Ready(Some(Item::Event(event)))
            }
            Next::Gap(gap) => {
                self.count(gap);
                Poll::Ready(Some(Item::Gap(gap)))
            }
            Next::Empty => Poll::Pending,
            Next::Closed => Poll::Ready(None),
        }
    }

    #[inline]
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // The budget comes first: an item that was taken and then answered with `Pending` would be lost.
        let coop = std::task::ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            if let Poll::Ready(item) = self.try_next() {
                coop.made_progress();
                return Poll::Ready(item);
            }
            match self.park(Wake::Task(cx.waker().clone())) {
                Some(true) => return Poll::Pending,
                Some(false) => {}
                None => {
                    coop.made_progress();
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Has the reader woken when there is something. Whether there is nothing yet; `None` at the end.
    pub(crate) fn park(&mut self, wake: Wake) -> Option<bool> {
        match &mut self.source {
            Source::Cursor(cursor) => cursor.park(wake),
            Source::Latest(queue, _) => Some(queue.park(wake)),
            Source::Held(_) => Some(true),
        }
    }

    /// Has the reader not woken any more; what it would have been woken by.
    pub(crate) fn unpark(&mut self) -> Option<Wake> {
        match &mut self.source {
            Source::Cursor(cursor) => cursor.unpark(),
            Source::Latest(queue, _) => queue.unpark(),
            Source::Held(_) => None,
        }
    }

    pub(crate) fn cursor(&mut self) -> Option<&mut Cursor> {
        match &mut self.source {
            Source::Cursor(cursor) => Some(cursor),
            Source::Latest(..) | Source::Held(_) => None,
        }
    }

    /// Whether it has a place in a log that can be compared with others.
    pub(crate) fn has_cursor(&self) -> bool {
        matches!(self.source, Source::Cursor(_))
    }

    /// Counts a gap that the subscriber sees.
    #[cold]
    pub(crate) fn count(&mut self, gap: Gap) {
        let missed = gap.missed().unwrap_or(0);
        let losses = self.losses.get_or_insert_default();
        losses.missed += missed;
        self.owner.count_gap(gap);
        if matches!(gap.reason(), GapReason::Overflow) {
            let first = losses.losing == 0;
            losses.losing += missed;
            if first {
                tracing::warn!(interest = %self.interest(), missed, "a subscriber is too slow and misses events");
            }
        }
    }

    fn losing(&self) -> u64 {
        self.losses.as_ref().map_or(0, |losses| losses.losing)
    }

    /// An event was received after a loss, which has ended if nothing waits beyond the bound.
    #[cold]
    fn has_caught_up(&mut self) {
        let missed = self.losing();
        if missed > 0 && self.is_empty() {
            tracing::warn!(interest = %self.interest(), missed, "the slow subscriber has caught up");
            self.losses.get_or_insert_default().losing = 0;
        }
    }

    /// How many events of the subscriber's could not be decoded since the last one that could.
    #[inline]
    pub(crate) fn undecodable(&self) -> u64 {
        self.losses.as_ref().map_or(0, |losses| losses.undecodable)
    }

    pub(crate) fn set_undecodable(&mut self, events: u64) {
        self.losses.get_or_insert_default().undecodable = events;
    }
}

impl Drop for RawSubscription {
    fn drop(&mut self) {
        let missed = self.losing();
        if missed > 0 {
            tracing::warn!(interest = %self.interest(), missed, "the slow subscriber is gone");
        }
        let log = self.log().clone();
        let source = &mut self.source;
        self.owner.leave(&log, &mut |state, after| source.leave(state, after));
    }
}

impl Source {
    fn leave(&mut self, state: &mut State, after: &mut After) {
        match self {
            Source::Cursor(cursor) => cursor.leave(state, after),
            Source::Latest(queue, _) => {
                if let Some(rare) = &mut state.rare {
                    rare.latest.retain(|other| !Arc::ptr_eq(other, queue));
                }
                state.members -= 1;
            }
            Source::Held(_) => {
                state.members -= 1;
                state.held -= 1;
            }
        }
    }
}

impl fmt::Debug for RawSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSubscription")
            .field("interest", self.interest())
            .field("waiting", &self.len())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}
