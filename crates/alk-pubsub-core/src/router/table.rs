//! The table of logs.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::after::After;
use super::log::{Counts, Log, State};
use super::logs::Part;
use super::route::Route;
use crate::error::Error;
use crate::gap::{Gap, GapReason};
use crate::latency::LatencyProbe;
use crate::name::{Interest, Topic};
use crate::stats::{GapCounters, Stats};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::target::ListenerId;

/// Hands the events that come from an [`Upstream`](crate::Upstream) to those who listen.
///
/// A handle, cheap to clone. An upstream gets one when its [`RoutedEventTarget`](crate::RoutedEventTarget) is made.
#[derive(Clone)]
pub struct Router(pub(super) Arc<Inner>);

pub(super) struct Inner {
    topics: Box<[Shard]>,
    pub(super) types: Part,
    /// Of one log at most.
    pub(super) everything: Part,
    /// Whether publishers are refused, while what was published before may still be on its way.
    closing: AtomicBool,
    closed: AtomicBool,
    /// Why it was closed, if the upstream did it.
    why: OnceLock<Error>,
    gaps: GapCounters,
    pub(super) probe: OnceLock<LatencyProbe>,
    next_listener: AtomicU64,
}

/// A part of the topics, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Shard {
    pub(super) logs: Part,
    /// Events that nobody listened to.
    pub(super) unheard: AtomicU64,
}

impl Router {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(4, usize::from);
        let shards = if cfg!(loom) { 1 } else { (4 * cores).next_power_of_two().min(64) };
        Self(Arc::new(Inner {
            topics: (0..shards).map(|_| Shard::default()).collect(),
            types: Part::default(),
            everything: Part::default(),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            why: OnceLock::new(),
            gaps: GapCounters::default(),
            probe: OnceLock::new(),
            next_listener: AtomicU64::new(0),
        }))
    }

    /// Reports that events are missing here, to all listeners of one interest or to all listeners there are.
    pub fn report_gap(&self, interest: Option<&Interest>, gap: Gap) {
        let mut after = After::default();
        self.each_log(interest, &mut |log| log.append(&mut log.lock(), gap.into(), &mut after));
        after.run();
    }

    /// The interests that somebody listens to now, each with how many do; at most `most`, in no order.
    #[must_use]
    pub fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        let mut interests = Vec::new();
        self.each_log(None, &mut |log| {
            let state = log.lock();
            if interests.len() < most && state.members > 0 {
                interests.push((log.interest.clone(), state.receivers()));
            }
        });
        interests
    }

    /// Whether this is the first call.
    pub(crate) fn begin_closing(&self) -> bool {
        !self.0.closing.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Ends all subscriptions, since the upstream has given up for good: each hands out what it holds, ends, and says by
    /// [`Subscription::ended_by`](crate::Subscription::ended_by) why. Who subscribes from now on gets the error.
    ///
    /// The upstream itself is not told; it is to refuse what is published from now on. After the first call, and after the
    /// target was closed, it does nothing.
    pub fn end(&self, error: Error) {
        if !self.is_closed() && self.0.why.set(error).is_ok() {
            self.close();
        }
    }

    /// Ends the subscriptions to one interest, since the other side has refused it or taken it away: each hands out what it
    /// holds, ends, and says by [`Subscription::ended_by`](crate::Subscription::ended_by) why. Whether there was anything to
    /// end.
    ///
    /// `still` tells whether the subscriptions there are now are those that are meant: it runs under the lock under which
    /// [`Upstream::interest_added`](crate::Upstream::interest_added) and
    /// [`Upstream::interest_removed`](crate::Upstream::interest_removed) are called, so it must neither wait nor call the router.
    /// [`Interests::forget_ended`](crate::Interests::forget_ended) is made for it. For what is ended here the upstream is not
    /// told that the interest was removed; who subscribes to it afterwards adds it anew.
    pub fn end_interest(&self, interest: &Interest, error: &Error, still: impl FnOnce() -> bool) -> bool {
        let mut after = After::default();
        let ended = self.take_out(interest, still, error, &mut after).is_some();
        after.run();
        ended
    }

    /// Ends all subscriptions once they have handed out what they hold.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        let why = self.0.why.get();
        let mut after = After::default();
        // Who joins takes a write lock and looks at `closed` under it, so nobody is left out.
        self.each_log(None, &mut |log| log.close(why, &mut after));
        after.run();
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.is_closed() { Err(self.0.why.get().cloned().unwrap_or_else(Error::closed)) } else { Ok(()) }
    }

    /// Takes a log out of the table with its members and closes it, if there is one and `still` says so.
    fn take_out(
        &self,
        interest: &Interest,
        still: impl FnOnce() -> bool,
        error: &Error,
        after: &mut After,
    ) -> Option<Arc<Log>> {
        let hash = interest.hash_code();
        let mut logs = self.0.part(interest).write();
        let log = logs.find(hash, |log| log.interest == *interest)?;
        if log.lock().members == 0 || !still() {
            return None;
        }
        // Before anybody can subscribe anew: who has the log at hand is to find it closed then.
        log.close(Some(error), after);
        logs.take(hash, |log| log.interest == *interest)
    }

    pub(crate) fn stats(&self) -> Stats {
        let gaps = self.0.gaps.snapshot();
        let missed = gaps.of(GapReason::Overflow).missed;
        let mut stats = Stats { missed, gaps, ..Stats::default() };
        for shard in &self.0.topics {
            stats.published += shard.unheard.load(Ordering::Relaxed);
        }
        for part in self.0.parts() {
            let logs = part.read();
            // A log goes and its counts stay with the lock held, so nothing is counted twice or left out.
            let Counts { published, delivered } = logs.counts();
            stats.published += published;
            stats.delivered += delivered;
            for log in logs.iter() {
                let state = log.lock();
                stats.interests += u64::from(state.members > 0);
                stats.subscribers += state.receivers();
                stats.waiting += state.waiting();
            }
        }
        stats
    }

    pub(crate) fn count_gap(&self, gap: Gap) {
        self.0.gaps.add(gap);
    }

    /// Whether there was no probe yet.
    pub(crate) fn probe_latency(&self, probe: LatencyProbe) -> bool {
        self.0.probe.set(probe).is_ok()
    }

    pub(crate) fn new_listener_id(&self) -> ListenerId {
        ListenerId(self.0.next_listener.fetch_add(1, Ordering::Relaxed))
    }

    /// Does something with the log of an interest, which is made if there is none; `first` runs if it had no members.
    ///
    /// Both run with the interest's part of the table locked, so that the first and last of an interest are told apart
    /// whatever happens at the same time.
    pub(crate) fn enter<R>(
        &self,
        interest: &Interest,
        first: impl FnOnce(),
        join: impl FnOnce(&Arc<Log>, &mut State) -> R,
    ) -> Result<R, Error> {
        let mut logs = self.0.part(interest).write();
        self.check_open()?;
        let log = logs.find_or_make(interest);
        let mut state = log.lock();
        let is_first = state.members == 0;
        let joined = join(&log, &mut state);
        drop(state);
        if is_first {
            first();
        }
        Ok(joined)
    }

    /// Does something with a log after which it may have no members; `last` runs if so, and the log goes.
    pub(crate) fn leave(
        &self,
        log: &Arc<Log>,
        last: &mut dyn FnMut(),
        leave: &mut dyn FnMut(&mut State, &mut After),
    ) {
        let mut after = After::default();
        {
            let mut logs = self.0.part(&log.interest).write();
            let (is_last, stays) = {
                let mut state = log.lock();
                leave(&mut state, &mut after);
                // One that is closed is of no use to them.
                let stays = state.routes > 0 && !state.closed;
                if stays {
                    state.clear_unused(&mut after);
                }
                (state.members == 0, stays)
            };
            // A log that was taken out already is not in the table, or another one of its name is.
            if is_last && logs.had(log, stays) {
                last();
            }
        }
        after.run();
    }

    /// A short way to who listens to this topic, for an upstream that hands what is published straight to
    /// [`deliver`](Self::deliver) for [`Scope::ALL`](super::Scope::ALL) and does nothing else; see [`Upstream::route`](crate::Upstream::route).
    #[must_use]
    pub fn route(&self, topic: &Topic) -> Route {
        let interest = Interest::from(topic.clone());
        let mut logs = self.0.part(&interest).write();
        let log = logs.find_or_make(&interest);
        log.lock().routes += 1;
        Route::new(self.clone(), log)
    }

    /// A publisher that had the log at hand goes.
    pub(super) fn leave_route(&self, log: &Arc<Log>) {
        let mut logs = self.0.part(&log.interest).write();
        let is_used = {
            let mut state = log.lock();
            state.routes -= 1;
            state.routes > 0 || state.members > 0
        };
        if !is_used {
            logs.had(log, false);
        }
    }

    /// Waits until appends are through that looked for the logs of types and of everything before the newest of them was
    /// there; but for those by a [`Route`], which look with their topic's log locked.
    pub(crate) fn settle(&self) {
        // An append holds the lock of its topic's shard from before it looks until it is through.
        self.0.topics.iter().for_each(|shard| drop(shard.logs.write()));
    }

    /// How many logs there are, with members or without.
    #[cfg(test)]
    pub(super) fn logs(&self) -> usize {
        self.0.parts().map(|part| part.read().iter().count()).sum()
    }

    fn each_log(&self, interest: Option<&Interest>, each: &mut dyn FnMut(&Arc<Log>)) {
        match interest {
            Some(interest) => {
                let logs = self.0.part(interest).read();
                logs.find(interest.hash_code(), |log| log.interest == *interest).into_iter().for_each(each);
            }
            None => self.0.parts().for_each(|part| part.read().iter().for_each(&mut *each)),
        }
    }
}

impl Inner {
    #[inline]
    pub(super) fn shard(&self, hash: u64) -> &Shard {
        // The table uses the low and the topmost bits of the hash.
        &self.topics[(hash >> 32) as usize & (self.topics.len() - 1)]
    }

    /// Where the log of an interest is.
    fn part(&self, interest: &Interest) -> &Part {
        match interest {
            Interest::Topic(topic) => &self.shard(topic.hash_code()).logs,
            Interest::Type(_) => &self.types,
            Interest::Everything => &self.everything,
        }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.topics.iter().map(|shard| &shard.logs).chain([&self.types, &self.everything])
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Listeners that nobody removed.
        self.parts().flat_map(|part| part.write().take_all()).for_each(|log| log.clear_listeners());
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
