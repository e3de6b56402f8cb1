use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::backlog::Backlog;
use super::member::Member;
use crate::error::Error;
use crate::event::Event;
use crate::gap::Gap;
use crate::latency::LatencySample;
use crate::name::Interest;
use crate::router::{Bounds, RawSubscription, ReadySet, Wake};

/// The subscriptions of one consumer, say a connection: each event once, however many of them match it.
///
/// A feed copies nothing. Its members are places in what the router keeps anyway, and what it hands out are frames that all
/// consumers with the same [`Framing`](crate::Framing) share. Of interests that cover each other only the broadest is read; when that
/// changes, no event is lost or handed out twice. Where the target brings a copy of an event for each interest that matches it
/// ([`Upstream::delivers_copies`](crate::Upstream::delivers_copies)), each topic stays with the interest that was there first, and a
/// subscription may be kept after its interest was removed, as long as another one relies on it.
///
/// Subscribe at the target, then [`insert`](Self::insert) the subscription; use
/// [`Overflow::DropOldest`](crate::Overflow::DropOldest) or [`Overflow::Close`](crate::Overflow::Close) there. All are to be of one
/// target: interests of different targets do not cover each other. With [`Overflow::Latest`](crate::Overflow::Latest) each
/// interest stands for itself, and an event that matches two of them comes twice.
#[derive(Default)]
// In this order in memory: what a poll for one member looks at is together, and behind the member is what it does not. With very
// many consumers none of it is in the processor's cache.
#[repr(C)]
pub struct Feed {
    pub(super) filter: Option<EventFilter>,
    /// The last poll left nothing.
    pub(super) waiting: bool,
    /// Handed out before anything that a member has.
    pub(super) backlog: Backlog,
    /// Mostly there is one.
    pub(super) members: SmallVec<[Option<Member>; 1]>,
    /// Interests that the consumer has given up and others rely on.
    pub(super) hidden: HashSet<Interest>,
    pub(super) ready: Arc<ReadySet>,
    /// Members to look at, in turn.
    pub(super) turn: VecDeque<u32>,
    pub(super) free: Vec<u32>,
    pub(super) by_interest: HashMap<Interest, u32>,
}

/// Which events are handed out.
pub type EventFilter = Box<dyn Fn(&Event) -> bool + Send + Sync>;

/// What a [`Feed`] hands out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FeedItem {
    /// Frames of events, behind each other.
    Frames {
        /// The frames.
        bytes: Bytes,
        /// How many there are.
        events: u64,
    },
    /// An event of the frames before is timed: whoever sends these says when they were sent. Comes seldom, see
    /// [`LatencyProbe`](crate::LatencyProbe).
    Timed(LatencySample),
    /// Events are missing here.
    Gap(Gap),
    /// A subscription has ended: the target was closed, the policy is [`Overflow::Close`](crate::Overflow::Close), or what the
    /// error says. It stays one of the feed until it is [removed](Feed::remove).
    Ended {
        /// What it listened to.
        interest: Interest,
        /// See [`RawSubscription::ended_by`].
        error: Option<Error>,
    },
}

impl Feed {
    /// A feed without interests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands out from now on only events for which `filter` is true, or all of them again. Those that are left out make no
    /// gap. With a filter every event is framed for this consumer alone.
    pub fn set_filter(&mut self, filter: Option<EventFilter>) {
        self.filter = filter;
    }

    /// How many interests it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_interest.len() - self.hidden.len()
    }

    /// Whether it has no interest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this very interest is one of it.
    #[must_use]
    pub fn contains(&self, interest: &Interest) -> bool {
        self.by_interest.contains_key(interest) && !self.hidden.contains(interest)
    }

    /// Its interests.
    pub fn interests(&self) -> impl Iterator<Item = &Interest> {
        self.by_interest.keys().filter(|interest| !self.hidden.contains(*interest))
    }

    /// How many events and encoded bytes wait for the consumer.
    #[must_use]
    pub fn lag(&mut self) -> (u64, u64) {
        let cursors = self.members.iter_mut().flatten().filter_map(|member| member.subscription.cursor());
        cursors.fold(self.backlog.lag(), |(events, bytes), cursor| {
            (events + cursor.lag(), bytes + cursor.lag_bytes())
        })
    }

    /// Adds a subscription. Whether it was new: a second one of the same interest is dropped.
    ///
    /// Of an event that is published before, and that another interest of the feed matches too, it is left to that one.
    pub fn insert(&mut self, subscription: RawSubscription) -> bool {
        let interest = subscription.interest().clone();
        if self.by_interest.contains_key(&interest) {
            // It is read anyway.
            return self.hidden.remove(&interest);
        }
        if self.is_alone() {
            self.no_longer_alone();
        }
        let mut member = Member::new(subscription);
        if member.subscription.is_copy() {
            if member.subscription.has_cursor() {
                self.fit_in(&mut member);
            }
        } else if member.subscription.cursor().is_some() && self.active_covering(&interest) {
            member.subscription.hold();
            member.covered = true;
        } else {
            self.take_over(&mut member);
        }
        let key = self.free.pop().unwrap_or_else(|| {
            self.members.push(None);
            u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX)
        });
        self.members[key as usize] = Some(member);
        self.by_interest.insert(interest, key);
        if self.is_alone() {
            // What was ready is gone.
            self.ready.clear();
        } else {
            self.ready.wake(key);
        }
        true
    }

    /// Whether there is one member, so that its log can wake the task itself.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.members.as_slice(), [Some(member)] if member.is_active() && !member.ended)
    }

    /// The task waits for the set from now on, in which the one member is to be looked at.
    fn no_longer_alone(&mut self) {
        if let Some(Some(member)) = self.members.first_mut()
            && let Some(Wake::Task(task)) = member.subscription.unpark()
        {
            self.ready.wait(task);
        }
        self.ready.wake(0);
    }

    /// Removes an interest. Whether it was there.
    ///
    /// No event follows that only this interest matched; what other interests match is not lost.
    pub fn remove(&mut self, interest: &Interest) -> bool {
        let Some(key) = self.by_interest.get(interest).copied().filter(|_| !self.hidden.contains(interest))
        else {
            return false;
        };
        let relied_on =
            |member: &Member| !member.ended && member.subscription.is_copy() && self.is_relied_on(member);
        if self.members[key as usize].as_ref().is_some_and(relied_on) {
            self.hidden.insert(interest.clone());
        } else {
            self.take_out(interest, key);
        }
        self.drop_hidden();
        let mut backlog = std::mem::take(&mut self.backlog);
        backlog.retain(|topic| self.wants(topic));
        self.backlog = backlog;
        true
    }

    pub(super) fn take_out(&mut self, interest: &Interest, key: u32) {
        if self.is_alone() {
            self.no_longer_alone();
        }
        self.by_interest.remove(interest);
        let removed = self.members[key as usize].take();
        self.free.push(key);
        self.ready.forget(key);
        if self.by_interest.is_empty() {
            self.members.clear();
            self.free.clear();
        }
        // A late wake-up of the removed member finds another one in its place or none, and looks at it in vain.
        match removed.filter(Member::is_active) {
            Some(removed) if removed.subscription.is_copy() => self.do_without(interest),
            Some(mut removed) => self.hand_back(&mut removed),
            None => {}
        }
    }

    /// Leaves out the oldest of what waits until it is within these bounds, for all interests together. Where the
    /// consumer does not take anything, this is to be called from time to time.
    pub fn keep_within(&mut self, bounds: Bounds) {
        let (events, bytes) = self.lag();
        if events <= bounds.events && bytes <= bounds.bytes {
            return;
        }
        // The backlog is the oldest there is.
        let waiting = self.backlog.lag();
        let (events, bytes) = (events - waiting.0, bytes - waiting.1);
        let left = Bounds {
            events: bounds.events.saturating_sub(events),
            bytes: bounds.bytes.saturating_sub(bytes),
            ..bounds
        };
        if let Some(gap) = self.backlog.keep_within(left)
            && let Some(member) = self.members.iter_mut().flatten().next()
        {
            member.subscription.count(gap);
        }
        if events <= bounds.events && bytes <= bounds.bytes {
            return;
        }
        // Each gives up its share.
        let share = |own: u64, all: u64, most: u64| {
            if all <= most {
                own
            } else {
                u64::try_from(u128::from(own) * u128::from(most) / u128::from(all)).unwrap_or(own)
            }
        };
        for member in self.members.iter_mut().flatten() {
            // Who lags has been woken, so it is looked at, and what it misses is told.
            let Some(cursor) = member.subscription.cursor().filter(|cursor| cursor.lag() > 0) else {
                continue;
            };
            let (most_events, most_bytes) =
                (share(cursor.lag(), events, bounds.events), share(cursor.lag_bytes(), bytes, bounds.bytes));
            cursor.keep_within(Bounds { events: most_events, bytes: most_bytes, ..bounds });
        }
    }

    /// Whether an interest that is read brings the events of this one too.
    pub(super) fn active_covering(&self, interest: &Interest) -> bool {
        let is_active = |interest: &Interest| {
            let member = self.by_interest.get(interest).and_then(|key| self.members[*key as usize].as_ref());
            member.is_some_and(|member| member.is_active() && member.subscription.has_cursor())
        };
        match interest {
            Interest::Topic(topic) => {
                is_active(&topic.event_type().clone().into()) || is_active(&Interest::Everything)
            }
            Interest::Type(_) => is_active(&Interest::Everything),
            Interest::Everything => false,
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("interests", &self.by_interest.keys()).finish_non_exhaustive()
    }
}
