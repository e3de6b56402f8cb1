use std::collections::{HashMap, VecDeque};

use alk_pubsub_core::{Error, ErrorKind, Event, Published};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Who waits for the answer to a publish, and the room that it takes until then.
#[derive(Debug)]
pub(super) struct Unanswered {
    answer: oneshot::Sender<Result<Published, Error>>,
    _room: Option<OwnedSemaphorePermit>,
}

/// An event on its way to the hub.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) event: Event,
    pub(super) bytes: usize,
    /// `None` for an event that nobody wants an answer to.
    pub(super) answer: Option<(u64, oneshot::Sender<Result<Published, Error>>)>,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Events that wait to be sent, and those that were sent and wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Publishes {
    queue: VecDeque<Outgoing>,
    queued_bytes: usize,
    unanswered: HashMap<u64, Unanswered>,
    /// The largest number that was sent.
    newest: u64,
}

impl Unanswered {
    pub(super) fn answer(self, result: Result<Published, Error>) {
        // Whoever asked may have lost interest.
        drop(self.answer.send(result));
    }
}

impl Publishes {
    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.queued_bytes += outgoing.bytes;
        self.queue.push_back(outgoing);
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether nothing waits, neither to be sent nor for an answer.
    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.unanswered.is_empty()
    }

    pub(super) fn open(&self) -> usize {
        self.queue.len() + self.unanswered.len()
    }

    /// The next event to send, with its number where an answer is wanted.
    pub(super) fn next(&mut self) -> Option<(Event, Option<u64>)> {
        let Outgoing { event, bytes, answer, room } = self.queue.pop_front()?;
        self.queued_bytes -= bytes;
        let number = answer.map(|(number, answer)| {
            self.unanswered.insert(number, Unanswered { answer, _room: room });
            self.newest = self.newest.max(number);
            number
        });
        Some((event, number))
    }

    /// The number up to which publishes were sent, if any of them waits for its answer.
    pub(super) fn awaited(&self) -> Option<u64> {
        (!self.unanswered.is_empty()).then_some(self.newest)
    }

    /// Whether a publish up to this number waits for its answer.
    pub(super) fn awaits(&self, number: u64) -> bool {
        self.unanswered.keys().any(|unanswered| *unanswered <= number)
    }

    pub(super) fn answered(&mut self, number: u64) -> Option<Unanswered> {
        self.unanswered.remove(&number)
    }

    /// The connection was lost: what waits for an answer will not get one, and of what was not sent yet so many bytes are
    /// kept, the oldest. Returns how many events are lost that nobody waits for.
    pub(super) fn disconnected(&mut self, keep: usize) -> u64 {
        let lost =
            || Error::new(ErrorKind::Disconnected, "the connection to the hub was lost before it answered");
        for (_, unanswered) in self.unanswered.drain() {
            unanswered.answer(Err(lost()));
        }
        // Room is what a connection has.
        self.queue.iter_mut().for_each(|outgoing| outgoing.room = None);
        let (mut bytes, mut kept) = (0, 0);
        for outgoing in &self.queue {
            if bytes + outgoing.bytes > keep {
                break;
            }
            bytes += outgoing.bytes;
            kept += 1;
        }
        self.queued_bytes = bytes;
        fail(
            self.queue.split_off(kept),
            &Error::new(ErrorKind::Disconnected, "the connection to the hub was lost"),
        )
    }

    /// Nothing will be sent any more.
    pub(super) fn end(&mut self, error: &Error) -> u64 {
        for (_, unanswered) in self.unanswered.drain() {
            unanswered.answer(Err(error.clone()));
        }
        self.queued_bytes = 0;
        fail(std::mem::take(&mut self.queue), error)
    }
}

fn fail(queue: VecDeque<Outgoing>, error: &Error) -> u64 {
    let mut unheard = 0;
    for outgoing in queue {
        match outgoing.answer {
            Some((_, answer)) => drop(answer.send(Err(error.clone()))),
            None => unheard += 1,
        }
    }
    unheard
}
