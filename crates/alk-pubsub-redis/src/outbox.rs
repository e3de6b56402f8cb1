//! What waits to be published: the order, the bounds, and who is told what.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::config::Offline;
use crate::error::{Error, ErrorKind};

pub(crate) type Reply = Result<Option<u64>, Error>;

/// An event on its way.
pub(crate) struct Outgoing {
    pub(crate) channel: String,
    pub(crate) envelope: Bytes,
    pub(crate) reply: Option<oneshot::Sender<Reply>>,
}

/// Shared between the publishers and the one task that sends.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to send, or it is closed.
    changed: Notify,
    /// Nothing is left.
    empty: Notify,
}

struct State {
    queue: VecDeque<(u64, Outgoing)>,
    /// Handed to the connection and not answered.
    in_flight: usize,
    most_in_flight: usize,
    offline: Offline,
    next: u64,
    queued_bytes: usize,
    connected: bool,
    /// Why nothing is taken any more.
    closed: Option<Error>,
}

/// The place in the queue of somebody who waits; giving it up takes the event out again.
pub(crate) struct Place {
    outbox: Outbox,
    number: u64,
    answer: oneshot::Receiver<Reply>,
    /// Whether the task that sends was woken for it.
    told: bool,
    answered: bool,
}

/// So many events in the queue are worth a wake-up, whether or not somebody waits for them.
const BUNCH: usize = 64;

impl Outbox {
    pub(crate) fn new(most_in_flight: usize, offline: Offline) -> Self {
        let state = State {
            queue: VecDeque::new(),
            in_flight: 0,
            most_in_flight,
            offline,
            next: 0,
            queued_bytes: 0,
            connected: false,
            closed: None,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), empty: Notify::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in the order, in which the event waits until there is room for it in what is in flight.
    ///
    /// What is published in one go is to be sent in one go, and the task that sends runs on another thread. So while something
    /// is in flight, whose answer has it look here again, it is only woken when the [answer](Place::answer) is waited for, or when
    /// there is much to send.
    pub(crate) fn publish(&self, channel: String, envelope: Bytes) -> Result<Place, Error> {
        let (reply, answer) = oneshot::channel();
        let (number, told) = {
            let mut state = self.lock();
            state.admit(&envelope)?;
            let number = state.push(Outgoing { channel, envelope, reply: Some(reply) });
            (number, state.in_flight == 0 || state.queue.len().is_multiple_of(BUNCH))
        };
        if told {
            self.0.changed.notify_one();
        }
        Ok(Place { outbox: self.clone(), number, answer, told, answered: false })
    }

    /// As [`publish`](Self::publish) for those who do not wait; `None` if they would have to.
    pub(crate) fn try_publish(&self, channel: String, envelope: Bytes) -> Result<Option<()>, Error> {
        {
            let mut state = self.lock();
            state.admit(&envelope)?;
            if state.connected && state.in_flight + state.queue.len() >= state.most_in_flight {
                return Ok(None);
            }
            state.push(Outgoing { channel, envelope, reply: None });
        }
        self.0.changed.notify_one();
        Ok(Some(()))
    }

    /// Waits until there may be something to send.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// What to send now, in order, as far as there is room. Each is to be [`answered`](Self::answered).
    pub(crate) fn take(&self, into: &mut Vec<Outgoing>) {
        let mut state = self.lock();
        while state.connected && state.in_flight < state.most_in_flight {
            let Some((_, outgoing)) = state.queue.pop_front() else { break };
            state.queued_bytes -= outgoing.envelope.len();
            state.in_flight += 1;
            into.push(outgoing);
        }
    }

    /// What was sent has got its answer, whatever it is. Whether there is more to send.
    pub(crate) fn answered(&self, events: usize) -> bool {
        let mut state = self.lock();
        state.in_flight -= events;
        if state.is_empty() {
            self.0.empty.notify_waiters();
        }
        !state.queue.is_empty()
    }

    pub(crate) fn connected(&self) {
        self.lock().connected = true;
        self.0.changed.notify_one();
    }

    /// The connection is lost. What waits is told so, unless it may wait for the next connection.
    pub(crate) fn disconnected(&self) {
        let mut state = self.lock();
        state.connected = false;
        if matches!(state.offline, Offline::Fail) {
            self.fail_all(state, &Error::disconnected());
        }
    }

    /// Takes nothing any more; what is queued is still sent.
    pub(crate) fn close(&self) {
        self.lock().closed.get_or_insert_with(|| Error::new(ErrorKind::Closed, "the event target is closed"));
    }

    /// Takes nothing any more, and gives up what is queued.
    pub(crate) fn abandon(&self, error: &Error) {
        let mut state = self.lock();
        state.connected = false;
        state.closed.get_or_insert_with(|| error.clone());
        self.fail_all(state, error);
    }

    /// Waits until nothing is queued or in flight.
    pub(crate) async fn flushed(&self) {
        loop {
            let empty = self.0.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            empty.await;
        }
    }

    fn fail_all(&self, mut state: MutexGuard<'_, State>, error: &Error) {
        let given_up = std::mem::take(&mut state.queue);
        state.queued_bytes = 0;
        if state.is_empty() {
            self.0.empty.notify_waiters();
        }
        drop(state);
        let unasked = given_up.iter().filter(|(_, outgoing)| outgoing.reply.is_none()).count();
        if unasked > 0 {
            tracing::warn!(events = unasked, %error, "events whose publishers did not wait are not published");
        }
        for (_, outgoing) in given_up {
            if let Some(reply) = outgoing.reply {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}

impl State {
    fn admit(&self, envelope: &Bytes) -> Result<(), Error> {
        if let Some(error) = &self.closed {
            return Err(error.clone());
        }
        match self.offline {
            Offline::Buffer { bytes } if !self.connected && self.queued_bytes + envelope.len() > bytes => {
                Err(Error::new(
                    ErrorKind::Disconnected,
                    "there is no connection to Redis and the buffer is full",
                ))
            }
            Offline::Fail if !self.connected => Err(Error::disconnected()),
            _ => Ok(()),
        }
    }

    fn push(&mut self, outgoing: Outgoing) -> u64 {
        let number = self.next;
        self.next += 1;
        self.queued_bytes += outgoing.envelope.len();
        self.queue.push_back((number, outgoing));
        number
    }

    /// Whether this one is still queued.
    fn has(&self, number: u64) -> bool {
        self.queue.front().is_some_and(|(first, _)| *first <= number)
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight == 0
    }
}

impl Place {
    /// What became of it.
    pub(crate) async fn answer(mut self) -> Reply {
        if !self.told && self.outbox.lock().has(self.number) {
            self.outbox.0.changed.notify_one();
        }
        let answer = (&mut self.answer).await;
        self.answered = true;
        answer.unwrap_or_else(|_| Err(Error::disconnected()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // Nobody holds what waits for a publisher that has gone, or the queue would have no bound.
        let gone = {
            let mut state = self.outbox.lock();
            let found = state.queue.binary_search_by_key(&self.number, |(number, _)| *number).ok();
            let gone = found.filter(|at| state.in_flight + at >= state.most_in_flight || !state.connected);
            let gone = gone.and_then(|at| state.queue.remove(at));
            if let Some((_, outgoing)) = &gone {
                state.queued_bytes -= outgoing.envelope.len();
            }
            gone
        };
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn outbox(most_in_flight: usize, offline: Offline) -> Outbox {
        let outbox = Outbox::new(most_in_flight, offline);
        outbox.connected();
        outbox
    }

    fn publish(outbox: &Outbox, channel: &str) -> Result<Place, ErrorKind> {
        outbox.publish(channel.to_owned(), Bytes::from_static(b"12345678")).map_err(|error| error.kind())
    }

    fn taken(outbox: &Outbox) -> Vec<Outgoing> {
        let mut taken = Vec::new();
        outbox.take(&mut taken);
        taken
    }

    fn channels(taken: &[Outgoing]) -> Vec<&str> {
        taken.iter().map(|outgoing| &*outgoing.channel).collect()
    }

    #[test]
    fn what_is_in_flight_is_bounded_and_the_order_is_that_of_the_calls() {
        let outbox = outbox(2, Offline::Fail);
        let places: Vec<_> =
            ["a", "b", "c"].iter().map(|channel| publish(&outbox, channel).unwrap()).collect();
        let first = taken(&outbox);
        assert_eq!(channels(&first), ["a", "b"]);
        assert!(taken(&outbox).is_empty());
        assert!(outbox.answered(1));
        assert_eq!(channels(&taken(&outbox)), ["c"]);
        assert!(!outbox.answered(2));
        assert!(outbox.flushed().now_or_never().is_some());
        drop(places);
    }

    #[test]
    fn while_something_is_in_flight_who_sends_is_woken_for_those_who_wait_and_for_bunches() {
        let outbox = outbox(2 * BUNCH, Offline::Fail);
        let woken = || outbox.changed().now_or_never().is_some();
        assert!(woken(), "connected");
        let first = publish(&outbox, "a").unwrap();
        assert!(woken(), "nothing would have it look here");
        assert_eq!(taken(&outbox).len(), 1);
        let second = publish(&outbox, "b").unwrap();
        assert!(!woken());
        let mut second = std::pin::pin!(second.answer());
        assert!((&mut second).now_or_never().is_none());
        assert!(woken(), "somebody waits");
        assert_eq!(taken(&outbox).len(), 1);
        let mut bunch: Vec<_> = (1..BUNCH).map(|_| publish(&outbox, "c").unwrap()).collect();
        assert!(!woken());
        bunch.push(publish(&outbox, "d").unwrap());
        assert!(woken(), "{BUNCH} wait");
        let sent = taken(&outbox);
        assert_eq!(sent.len(), BUNCH);
        assert!(bunch.swap_remove(0).answer().now_or_never().is_none());
        assert!(!woken(), "it was sent with the others");
        // Whatever was left unsaid is sent when an answer comes.
        let rest = publish(&outbox, "e").unwrap();
        assert!(!woken() && outbox.answered(1));
        drop((first, bunch, sent, rest));
    }

    #[test]
    fn who_does_not_wait_is_told_when_there_is_no_room() {
        let outbox = outbox(1, Offline::Fail);
        let publish = || outbox.try_publish("a".to_owned(), Bytes::new()).unwrap();
        assert_eq!(publish(), Some(()));
        assert_eq!(publish(), None);
        assert_eq!(taken(&outbox).len(), 1);
        assert_eq!(publish(), None);
        outbox.answered(1);
        assert_eq!(publish(), Some(()));
    }

    #[test]
    fn who_stops_waiting_for_room_takes_the_event_along() {
        let outbox = outbox(1, Offline::Fail);
        let first = publish(&outbox, "a").unwrap();
        let second = publish(&outbox, "b").unwrap();
        let third = publish(&outbox, "c").unwrap();
        drop(second);
        // There is room for the first, so it is as good as sent.
        drop(first);
        assert_eq!(channels(&taken(&outbox)), ["a"]);
        outbox.answered(1);
        assert_eq!(channels(&taken(&outbox)), ["c"]);
        drop(third);
    }

    #[test]
    fn without_a_connection_what_waits_fails_or_is_kept_within_its_bound() {
        let failing = outbox(1, Offline::Fail);
        let place = publish(&failing, "a").unwrap();
        failing.disconnected();
        assert_eq!(place.answer().now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(publish(&failing, "b").err(), Some(ErrorKind::Disconnected));

        let keeping = outbox(10, Offline::Buffer { bytes: 20 });
        keeping.disconnected();
        let kept = [publish(&keeping, "a").unwrap(), publish(&keeping, "b").unwrap()];
        assert_eq!(publish(&keeping, "c").err(), Some(ErrorKind::Disconnected));
        assert!(taken(&keeping).is_empty());
        keeping.connected();
        assert_eq!(channels(&taken(&keeping)), ["a", "b"]);
        drop(kept);
    }

    #[test]
    fn what_nobody_was_woken_for_outlives_the_connection_or_fails_with_it() {
        for offline in [Offline::Buffer { bytes: 100 }, Offline::Fail] {
            let fails = matches!(offline, Offline::Fail);
            let outbox = outbox(10, offline);
            let first = publish(&outbox, "a").unwrap();
            assert!(outbox.changed().now_or_never().is_some());
            assert_eq!(taken(&outbox).len(), 1);
            let second = publish(&outbox, "b").unwrap();
            assert!(outbox.changed().now_or_never().is_none());
            // As when a connection is lost.
            outbox.disconnected();
            outbox.answered(1);
            outbox.connected();
            assert!(outbox.changed().now_or_never().is_some());
            assert_eq!(channels(&taken(&outbox)), if fails { vec![] } else { vec!["b"] });
            drop((first, second));
        }
    }

    #[test]
    fn after_the_end_nothing_is_taken_and_what_waits_is_told_why() {
        let outbox = outbox(1, Offline::Fail);
        let place = publish(&outbox, "a").unwrap();
        outbox.close();
        assert_eq!(publish(&outbox, "b").err(), Some(ErrorKind::Closed));
        assert!(outbox.flushed().now_or_never().is_none());
        outbox.abandon(&Error::new(ErrorKind::Auth, "wrong"));
        assert_eq!(place.answer().now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Auth);
        assert!(outbox.flushed().now_or_never().is_some());
    }
}
