use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::member::{Member, Role};
use crate::gap::{Gap, GapReason};
use crate::name::Interest;
use crate::router::{Bounds, Framing, Item, NextFrames, RawSubscription, ReadySet, Wake};

/// The subscriptions of one consumer, say a connection: each event once, however many of them match it.
///
/// A feed copies nothing. Its members are places in what the router keeps anyway, and what it hands out are frames that all
/// consumers with the same [`Framing`] share. Of interests that cover each other only the broadest is read; when that
/// changes, no event is lost or handed out twice.
///
/// Subscribe at the target, then [`insert`](Self::insert) the subscription; use
/// [`Overflow::DropOldest`](crate::Overflow::DropOldest) or [`Overflow::Close`](crate::Overflow::Close) there.
#[derive(Default)]
pub struct Feed {
    members: Vec<Option<Member>>,
    free: Vec<u32>,
    by_interest: HashMap<Interest, u32>,
    ready: Arc<ReadySet>,
    /// Members to look at, in turn.
    turn: VecDeque<u32>,
    taken: Vec<u32>,
}

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
    /// Events are missing here.
    Gap(Gap),
    /// A subscription has ended: the target was closed, or the policy is [`Overflow::Close`](crate::Overflow::Close).
    Ended(Interest),
}

impl Feed {
    /// A feed without interests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many interests it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_interest.len()
    }

    /// Whether it has no interest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_interest.is_empty()
    }

    /// Whether this very interest is one of it.
    #[must_use]
    pub fn contains(&self, interest: &Interest) -> bool {
        self.by_interest.contains_key(interest)
    }

    /// Its interests.
    pub fn interests(&self) -> impl Iterator<Item = &Interest> {
        self.by_interest.keys()
    }

    /// How many events and encoded bytes wait for the consumer.
    #[must_use]
    pub fn lag(&mut self) -> (u64, u64) {
        let cursors = self.members.iter_mut().flatten().filter_map(|member| member.subscription.cursor());
        cursors.fold((0, 0), |(events, bytes), cursor| (events + cursor.lag(), bytes + cursor.lag_bytes()))
    }

    /// Adds a subscription. Whether it was new: a second one of the same interest is dropped.
    pub fn insert(&mut self, subscription: RawSubscription) -> bool {
        let interest = subscription.interest().clone();
        if self.contains(&interest) {
            return false;
        }
        let mut member = Member::new(subscription);
        if self.active_covering(&interest).is_some() {
            member.subscription.hold();
            member.role = Role::Covered;
        } else {
            self.take_over(&mut member);
        }
        let key = self.free.pop().unwrap_or_else(|| {
            self.members.push(None);
            u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX)
        });
        self.members[key as usize] = Some(member);
        self.by_interest.insert(interest, key);
        self.turn.push_back(key);
        true
    }

    /// Removes an interest. Whether it was there.
    ///
    /// No event follows that only this interest matched; what other interests match is not lost.
    pub fn remove(&mut self, interest: &Interest) -> bool {
        let Some(key) = self.by_interest.remove(interest) else { return false };
        let removed = self.members[key as usize].take();
        self.free.push(key);
        // A late wake-up of the removed member finds another one in its place or none, and looks at it in vain.
        if let Some(mut removed) = removed.filter(Member::is_active) {
            self.hand_back(&mut removed);
        }
        true
    }

    /// Leaves out the oldest of what waits until it is within these bounds, for all interests together. Where the
    /// consumer does not take anything, this is to be called from time to time.
    pub fn keep_within(&mut self, bounds: Bounds) {
        let (events, bytes) = self.lag();
        if events <= bounds.events && bytes <= bounds.bytes {
            return;
        }
        // Each gives up its share.
        let share = |own: u64, all: u64, most: u64| {
            if all <= most { own } else { u64::try_from(u128::from(own) * u128::from(most) / u128::from(all)).unwrap_or(own) }
        };
        for (key, member) in self.members.iter_mut().enumerate() {
            let Some(cursor) = member.as_mut().and_then(|member| member.subscription.cursor()) else { continue };
            let own = (cursor.lag(), cursor.lag_bytes());
            if own.0 > 0 {
                let (most_events, most_bytes) = (share(own.0, events, bounds.events), share(own.1, bytes, bounds.bytes));
                cursor.keep_within(Bounds { events: most_events, bytes: most_bytes, overflow: bounds.overflow });
                self.turn.extend(u32::try_from(key));
            }
        }
    }

    /// Hands out what there is, about `most_bytes` of frames and at least one item, and registers the task for more.
    ///
    /// `Ready` if it handed out something; `Pending` if there was nothing.
    ///
    /// Cancel safe: what was handed out was taken, nothing else.
    pub fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        framing: &dyn Framing,
        most_bytes: usize,
        out: &mut dyn FnMut(FeedItem),
    ) -> Poll<()> {
        let mut handed_out = Sink { bytes: 0, items: 0, out };
        while handed_out.bytes < most_bytes.max(1) {
            if self.turn.is_empty() {
                self.ready.take(&mut self.taken, cx);
                self.turn.extend(self.taken.drain(..));
            }
            let Some(key) = self.turn.pop_front() else { break };
            if self.look_at(key, framing, &mut handed_out) {
                self.turn.push_back(key);
            }
        }
        if handed_out.items > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Hands out what one member has, up to the end of what is encoded together. Whether to look again.
    fn look_at(&mut self, key: u32, framing: &dyn Framing, sink: &mut Sink<'_>) -> bool {
        let Some(member) = self.members.get_mut(key as usize).and_then(Option::as_mut) else { return false };
        if let Some(item) = member.backlog.pop_front() {
            sink.item(item, framing);
            return true;
        }
        let until = match member.role {
            Role::Covered => return false,
            Role::Active => u64::MAX,
            Role::Ending(until) => {
                let read = member.subscription.cursor().is_none_or(|cursor| cursor.position() >= until);
                if read {
                    member.subscription.hold();
                    member.role = Role::Covered;
                    return false;
                }
                until
            }
        };
        if member.is_looking_out() {
            if let Poll::Ready(item) = member.subscription.try_next() {
                match item {
                    Some(Item::Event(event)) if member.skips(&event) => {}
                    Some(item) => sink.item(item, framing),
                    None => sink.put(FeedItem::Ended(member.interest().clone())),
                }
                return true;
            }
        } else if let Some(cursor) = member.subscription.cursor() {
            match cursor.next_frames(framing, until) {
                NextFrames::Frames(frames) => {
                    sink.put(FeedItem::Frames { bytes: frames.bytes, events: frames.events });
                    return true;
                }
                NextFrames::Gap(gap) => {
                    member.subscription.count(gap);
                    sink.put(FeedItem::Gap(gap));
                    return true;
                }
                NextFrames::Closed => {
                    sink.put(FeedItem::Ended(member.interest().clone()));
                    return false;
                }
                NextFrames::Empty => {}
            }
        }
        match member.subscription.park(Wake::Member(self.ready.clone(), key)) {
            Some(waits) => !waits,
            None => {
                sink.put(FeedItem::Ended(member.interest().clone()));
                false
            }
        }
    }

    fn active_covering(&self, interest: &Interest) -> Option<&Member> {
        self.members.iter().flatten().find(|member| member.is_active() && member.interest().covers(interest))
    }

    /// `broader` is read from now on instead of what it covers.
    ///
    /// An event is appended to the log of its topic, its type and of everything with the locks of these held together, in this
    /// order. What stands in a narrower log before its first tail was appended to the broader log before the seek; what stands
    /// behind its second tail will be appended behind it. In between it may be either, so these are handed out by
    /// the narrower and left out by the broader. The one before them is left out too: a transport that brings an event
    /// once for each interest may have brought one of two.
    fn take_over(&mut self, broader: &mut Member) {
        let interest = broader.interest().clone();
        let mut covered: Vec<(&mut Member, u64)> = Vec::new();
        for member in self.members.iter_mut().flatten() {
            if member.is_active()
                && interest.covers(member.interest())
                && let Some(tail) = member.subscription.cursor().map(|cursor| cursor.settled_tail())
            {
                covered.push((member, tail));
            }
        }
        if let Some(cursor) = broader.subscription.cursor() {
            cursor.seek_to_tail();
        }
        for (member, first_tail) in covered {
            let tail = member.subscription.cursor().map_or(first_tail, |cursor| cursor.settled_tail());
            broader.leave_out(member.events(first_tail.saturating_sub(1), tail));
            member.role = Role::Ending(tail);
        }
    }

    /// What `broader`, which goes, has covered is read by itself again, beginning with what `broader` still has.
    fn hand_back(&mut self, broader: &mut Member) {
        let mut resumed: Vec<u32> = Vec::new();
        let mut covered: Vec<(Interest, u32)> = self
            .by_interest
            .iter()
            .filter(|(interest, _)| broader.interest().covers(interest))
            .map(|(interest, key)| (interest.clone(), *key))
            .collect();
        // The broader come first, and cover the others again.
        covered.sort_by_key(|(interest, _)| matches!(interest, Interest::Topic(_)));
        for (interest, key) in covered {
            if self.active_covering(&interest).is_some() {
                continue;
            }
            let Some(member) = &mut self.members[key as usize] else { continue };
            match member.role {
                Role::Covered => member.subscription.resume(),
                // It has not finished; what it has left comes first, and then what the broader one has.
                Role::Ending(_) => {
                    while member.subscription.cursor().is_some_and(|cursor| Role::Ending(cursor.position()) != member.role)
                        && let Poll::Ready(Some(item)) = member.subscription.try_next()
                    {
                        member.backlog.push_back(item);
                    }
                    if let Some(cursor) = member.subscription.cursor() {
                        cursor.seek_to_tail();
                    }
                }
                Role::Active => continue,
            }
            member.role = Role::Active;
            resumed.push(key);
        }
        if resumed.is_empty() {
            return;
        }
        let tail = broader.subscription.cursor().map_or(0, |cursor| cursor.settled_tail());
        let mut rest = std::mem::take(&mut broader.backlog);
        while broader.subscription.cursor().is_some_and(|cursor| cursor.position() < tail)
            && let Poll::Ready(Some(item)) = broader.subscription.try_next()
        {
            if !matches!(&item, Item::Event(event) if broader.skips(event)) {
                rest.push_back(item);
            }
        }
        for key in resumed {
            let Some(member) = &mut self.members[key as usize] else { continue };
            let own = match member.subscription.cursor() {
                Some(cursor) => (cursor.position(), cursor.settled_tail()),
                None => continue,
            };
            let own = member.events(own.0, own.1);
            let interest = member.interest().clone();
            let taken_over = rest.iter().filter(|item| match item {
                Item::Event(event) => {
                    interest.matches(event.topic()) && !own.iter().any(|other| other.is_same(event))
                }
                Item::Gap(_) => true,
            });
            member.backlog.extend(taken_over.cloned());
            let last = member.backlog.iter().rev().find_map(|item| match item {
                Item::Event(event) => Some(event.clone()),
                Item::Gap(_) => None,
            });
            member.leave_out(last);
            self.turn.push_back(key);
        }
    }
}

struct Sink<'a> {
    bytes: usize,
    items: usize,
    out: &'a mut dyn FnMut(FeedItem),
}

impl Sink<'_> {
    fn put(&mut self, item: FeedItem) {
        self.items += 1;
        if let FeedItem::Frames { bytes, .. } = &item {
            self.bytes += bytes.len();
        }
        (self.out)(item);
    }

    /// Puts an event that is framed for itself alone.
    fn item(&mut self, item: Item, framing: &dyn Framing) {
        match item {
            Item::Gap(gap) => self.put(FeedItem::Gap(gap)),
            Item::Event(event) => match event.encode(framing.encoding()) {
                Ok(envelope) => {
                    let mut bytes = Vec::with_capacity(envelope.len() + 16);
                    framing.frame(&event, &envelope, &mut bytes);
                    self.put(FeedItem::Frames { bytes: bytes.into(), events: 1 });
                }
                Err(_) => self.put(FeedItem::Gap(Gap::new(GapReason::Undecodable, Some(1)))),
            },
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("interests", &self.by_interest.keys()).finish_non_exhaustive()
    }
}
