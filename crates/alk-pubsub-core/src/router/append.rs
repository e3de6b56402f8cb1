//! How an event gets into the logs that match it.

use std::sync::Arc;

use super::after::After;
use super::log::{Counts, Log, State};
use super::table::{Inner, Router, Shard};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::latency::{LatencyProbe, LatencySample};
use crate::name::{EventType, Interest, Topic};
use crate::spans;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// Whose listeners a delivery is for.
///
/// A transport whose server sends an event once for each matching subscription, as Redis does, delivers each copy to
/// those who asked for it. Everybody else uses [`Scope::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Listeners of the event's topic.
    pub topic: bool,
    /// Listeners of its type.
    pub event_type: bool,
    /// Listeners of everything.
    pub everything: bool,
}

impl Scope {
    /// All listeners whose interest matches.
    pub const ALL: Self = Self { topic: true, event_type: true, everything: true };
}

/// An event was not dispatched, since a log has no room for it.
pub(crate) struct Full {
    pub(super) event: Event,
    pub(super) log: Arc<Log>,
}

impl Full {
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::WouldBlock, "a subscriber with the policy `Block` has no room")
    }
}

impl Router {
    /// Hands an event to its listeners; returns how many there are.
    ///
    /// Never waits. After the target was closed it does nothing. Not to be called while a lock is held that
    /// [`Upstream::interest_added`](crate::Upstream::interest_added) or
    /// [`Upstream::interest_removed`](crate::Upstream::interest_removed) take.
    pub fn deliver(&self, event: Event, scope: Scope) -> u64 {
        if self.is_closed() {
            return 0;
        }
        self.append(event, scope, |_| true).unwrap_or(0)
    }

    /// Appends an event unless a reader with the policy `Block` is full.
    #[allow(clippy::result_large_err, reason = "the error hands the event back and is rare")]
    pub(crate) fn try_dispatch(&self, event: Event) -> Result<u64, Full> {
        self.append(event, Scope::ALL, |state| state.has_room(false))
    }

    /// Appends to the logs that match, all at once: all their locks are taken before the first append, always in the order
    /// topic, type, everything, so that all subscribers of a topic see one order.
    #[allow(clippy::result_large_err, reason = "the error hands the event back and is rare")]
    #[inline]
    fn append(&self, event: Event, scope: Scope, room: impl Fn(&mut State) -> bool) -> Result<u64, Full> {
        if spans::are_heard() {
            let span = spans::deliver(&event);
            let _entered = span.enter();
            let appended = self.append_unheard(event, scope, room);
            if let Ok(receivers) = appended {
                span.record("messaging.alk_pubsub.receivers", receivers);
            }
            return appended;
        }
        self.append_unheard(event, scope, room)
    }

    #[allow(clippy::result_large_err, reason = "the error hands the event back and is rare")]
    #[inline]
    fn append_unheard(
        &self,
        event: Event,
        scope: Scope,
        room: impl Fn(&mut State) -> bool,
    ) -> Result<u64, Full> {
        let inner = &*self.0;
        let mut after = After::default();
        let topic = event.topic();
        let hash = topic.hash_code();
        let shard = inner.shard(hash);
        let topics = shard.logs.read();
        let types = inner.types.read_any();
        let everything = inner.everything.read_any();

        let of_topic = if scope.topic { topics.find(hash, |log| log.is_topic(topic)) } else { None };
        // Nothing is woken, run or dropped while a lock is held.
        if types.is_none() && everything.is_none() {
            // Mostly that is so, and then there is one log or none.
            let Some(log) = of_topic else {
                shard.unheard.fetch_add(1, Ordering::Relaxed);
                return Ok(0);
            };
            let Some(locked) = lock(log, &room) else { return Err(Full { event, log: log.clone() }) };
            let receivers = put(locked, event, 1, inner.sample().as_ref(), &mut after);
            drop(topics);
            after.run();
            return Ok(receivers);
        }
        let of_type = types.as_ref().filter(|_| scope.event_type).and_then(|types| {
            let event_type = topic.event_type();
            types.find(event_type.hash_code(), |log| log.is_type(event_type))
        });
        let of_all = everything.as_ref().filter(|_| scope.everything).and_then(|all| all.iter().next());
        let mut logs = [None, None, None];
        for (log, place) in [of_topic, of_type, of_all].into_iter().zip(&mut logs) {
            if let Some(log) = log {
                *place = lock(log, &room);
                if place.is_none() {
                    return Err(Full { event, log: log.clone() });
                }
            }
        }
        let (receivers, left) = inner.put_in_all(logs, event, shard, &mut after);
        drop((everything, types, topics));
        drop(left);
        after.run();
        Ok(receivers)
    }

    /// Appends to the log of the event's topic where nobody listens to its type or to everything. What is not that simple is
    /// handed back.
    ///
    /// Others are looked for with the topic's lock held. So who has it afterwards knows, of a broader log that was there
    /// already: what was appended here and not there is before the end of this log. See [`settle`](Self::settle).
    #[inline]
    pub(super) fn append_to(&self, log: &Arc<Log>, event: Event) -> Result<u64, Event> {
        let inner = &*self.0;
        let mut after = After::default();
        let mut state = log.lock();
        let alone = inner.types.is_empty() && inner.everything.is_empty();
        let over = state.closed || self.is_closing();
        if !alone || over || state.members == 0 || !state.has_room(false) {
            return Err(event);
        }
        let receivers = put((log, state), event, 1, inner.sample().as_ref(), &mut after);
        after.run();
        Ok(receivers)
    }
}

type Locked<'a> = (&'a Arc<Log>, MutexGuard<'a, State>);

/// Locks a log, if it has room.
#[inline]
fn lock<'a>(log: &'a Arc<Log>, room: &impl Fn(&mut State) -> bool) -> Option<Locked<'a>> {
    let mut state = log.lock();
    if room(&mut state) { Some((log, state)) } else { None }
}

/// Appends to a log; `published` is 1 in the first that the event is appended to. Returns how many receive it there.
#[inline]
fn put(
    (log, mut state): Locked<'_>,
    event: Event,
    published: u64,
    sample: Option<&LatencySample>,
    after: &mut After,
) -> u64 {
    let delivered = state.receivers();
    state.counts += Counts { published, delivered };
    log.append(&mut state, event.into(), after);
    if let Some(sample) = sample {
        state.time_last(sample);
    }
    delivered
}

impl Inner {
    /// Whether the event that is delivered now is to be timed.
    #[inline]
    fn sample(&self) -> Option<LatencySample> {
        self.probe.get().and_then(LatencyProbe::sample)
    }

    /// Appends to all that are there. Returns how many receive it, and the event where it is still to be dropped.
    fn put_in_all(
        &self,
        logs: [Option<Locked<'_>>; 3],
        event: Event,
        shard: &Shard,
        after: &mut After,
    ) -> (u64, Option<Event>) {
        let several = logs.iter().flatten().count() > 1;
        let sample = self.sample();
        let (mut published, mut receivers, mut event) = (1, 0, Some(event));
        for locked in logs.into_iter().flatten() {
            if let Some(event) = if several { event.clone() } else { event.take() } {
                receivers += put(locked, event, published, sample.as_ref(), after);
                published = 0;
            }
        }
        shard.unheard.fetch_add(published, Ordering::Relaxed);
        (receivers, event)
    }
}

impl Log {
    fn is_topic(&self, topic: &Topic) -> bool {
        matches!(&self.interest, Interest::Topic(own) if own == topic)
    }

    fn is_type(&self, event_type: &EventType) -> bool {
        matches!(&self.interest, Interest::Type(own) if own == event_type)
    }
}
