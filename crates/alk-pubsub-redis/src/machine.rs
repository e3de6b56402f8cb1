//! What to ask of the server next on one connection, and what its answers mean: no socket, no clock, no task.
//!
//! Redis acknowledges a SUBSCRIBE, but the client does not show it, and the answer to a refused one turns up in the place
//! of the next command's answer. So each request is followed by a count of what the server has, and when that is not
//! what it should be, by echoes until question and answer match again, and then by another count, which is believed.

use std::collections::VecDeque;
use std::time::Duration;

use alk_pubsub_core::{Changes, Interest};

use crate::channels::Channels;
use crate::driver::{Counts, Kind};
use crate::error::{Error, ErrorKind};

/// The most channels in one command.
pub(crate) const BATCH: usize = 512;
/// How often a mismatched echo is tried again before the connection is given up.
const ECHOES: u32 = 8;
/// How often a request that failed for a reason that may pass is made again.
const ATTEMPTS: u32 = 3;

pub(crate) struct Machine {
    channels: Channels,
    /// What the server has, if all is well.
    counts: Counts,
    batches: VecDeque<Batch>,
    phase: Phase,
    nonce: u64,
    /// Whether the count is to be taken on all nodes as soon as there is nothing else to do.
    recount: bool,
    /// Whether the first batch seems to be refused, though nobody said so, and is given up to see what that changes.
    doubting: bool,
    /// What was last said to be wrong.
    complaint: Option<Error>,
}

/// Interests of one kind that are asked for, or given up, in one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) generation: u64,
    pub(crate) add: bool,
    pub(crate) interests: Vec<Interest>,
    kind: Kind,
    attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Requested,
    Counting {
        everywhere: bool,
        believed: bool,
    },
    /// Until question and answer match; then the count is taken again.
    Aligning {
        everywhere: bool,
        echoes: u32,
    },
    Pausing {
        everywhere: bool,
        echoes: u32,
    },
    Broken,
}

/// What to do next; its outcome is told before the next step is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Request {
        kind: Kind,
        add: bool,
        names: Vec<String>,
    },
    Count {
        everywhere: bool,
    },
    Echo(u64),
    Wait(Duration),
    /// Nothing, until there are changes or it is time to look after the connection.
    Rest,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    Requested(Result<(), Error>),
    Counted(Result<Counts, Error>),
    Echoed(Result<bool, Error>),
    Waited,
}

/// What an outcome means for interests or for the connection.
#[derive(Debug)]
pub(crate) enum Verdict {
    Nothing,
    /// The server has, or has given up, what was asked.
    Done(Batch),
    Refused(Batch, Error),
    /// The connection cannot be made sense of, and must be made anew.
    Broken(Error),
}

impl Machine {
    pub(crate) fn new(channels: Channels) -> Self {
        Self {
            channels,
            counts: Counts::default(),
            batches: VecDeque::new(),
            // A server that refuses to be asked is known from the start.
            phase: Phase::Counting { everywhere: false, believed: false },
            nonce: 0,
            recount: false,
            doubting: false,
            complaint: None,
        }
    }

    /// Whether there is nothing left of what was to be asked.
    pub(crate) fn is_resting(&self) -> bool {
        self.batches.is_empty() && self.phase == Phase::Idle
    }

    /// Subscriptions may be on a node that they do not belong to any more.
    pub(crate) fn topology_changed(&mut self) {
        self.recount = true;
    }

    /// Whether the count is to be taken on all nodes before anything else is asked.
    pub(crate) fn is_to_recount(&self) -> bool {
        self.recount
    }

    /// Adds what is to be asked: what is given up first, each kind by itself.
    pub(crate) fn ask(&mut self, changes: Changes) {
        let removed = changes.removed.into_iter().map(|interest| (false, interest));
        for (add, interest) in removed.chain(changes.added.into_iter().map(|interest| (true, interest))) {
            let (kind, _) = self.channels.name(&interest);
            let most = if kind == Kind::Shard { 1 } else { BATCH };
            let fitting = self.batches.iter_mut().find(|batch| {
                (batch.kind, batch.add) == (kind, add) && batch.attempts == 0 && batch.interests.len() < most
            });
            match fitting {
                Some(batch) => batch.interests.push(interest),
                None => self.batches.push_back(Batch {
                    generation: changes.generation,
                    add,
                    interests: vec![interest],
                    kind,
                    attempts: 0,
                }),
            }
        }
    }

    /// Has the count taken when nothing else is to be done: to see that somebody answers, and the right thing.
    pub(crate) fn look_after(&mut self, everywhere: bool) {
        if self.is_resting() {
            self.phase = Phase::Counting { everywhere, believed: false };
        }
    }

    pub(crate) fn next(&mut self) -> Step {
        if self.recount && self.is_resting() {
            self.recount = false;
            self.look_after(true);
        }
        match self.phase {
            Phase::Idle => match self.batches.front() {
                Some(batch) => {
                    let names =
                        batch.interests.iter().map(|interest| self.channels.name(interest).1).collect();
                    self.phase = Phase::Requested;
                    Step::Request { kind: batch.kind, add: batch.add && !self.doubting, names }
                }
                None => Step::Rest,
            },
            Phase::Counting { everywhere, .. } => Step::Count { everywhere },
            Phase::Aligning { .. } => {
                self.nonce += 1;
                Step::Echo(self.nonce)
            }
            // The answer that nobody waits for is dropped when it arrives while nothing is asked.
            Phase::Pausing { echoes, .. } => Step::Wait(Duration::from_millis(2 << echoes.min(8))),
            Phase::Requested | Phase::Broken => Step::Rest,
        }
    }

    pub(crate) fn outcome(&mut self, outcome: Outcome) -> Verdict {
        match (self.phase, outcome) {
            (Phase::Requested, Outcome::Requested(result)) => self.requested(result),
            (Phase::Counting { everywhere, believed }, Outcome::Counted(counted)) => {
                self.counted(everywhere, believed, counted)
            }
            (Phase::Aligning { everywhere, .. }, Outcome::Echoed(Ok(true))) => {
                self.phase = Phase::Counting { everywhere, believed: true };
                Verdict::Nothing
            }
            (Phase::Aligning { everywhere, echoes }, Outcome::Echoed(answer)) => {
                if let Err(error) = answer {
                    if lost(&error) {
                        return self.broken(error);
                    }
                    self.complaint.get_or_insert(error);
                }
                if echoes == ECHOES {
                    return self.broken(Error::new(
                        ErrorKind::Server,
                        "the answers on the connection do not match the questions",
                    ));
                }
                self.phase = Phase::Pausing { everywhere, echoes: echoes + 1 };
                Verdict::Nothing
            }
            (Phase::Pausing { everywhere, echoes }, Outcome::Waited) => {
                self.phase = Phase::Aligning { everywhere, echoes };
                Verdict::Nothing
            }
            _ => Verdict::Nothing,
        }
    }

    fn requested(&mut self, result: Result<(), Error>) -> Verdict {
        let shard = self.batches.front().is_some_and(|batch| batch.kind == Kind::Shard);
        match result {
            // The answer is the server's own.
            Ok(()) if shard => self.done(),
            Ok(()) => {
                self.phase = Phase::Counting { everywhere: false, believed: false };
                Verdict::Nothing
            }
            Err(error) if lost(&error) => self.broken(error),
            Err(error) if shard && error.kind() == ErrorKind::Denied => {
                self.complaint = Some(error);
                self.refused()
            }
            Err(error) => {
                self.phase = Phase::Idle;
                let Some(batch) = self.batches.front_mut() else { return Verdict::Nothing };
                batch.attempts += 1;
                if batch.attempts < ATTEMPTS { Verdict::Nothing } else { self.broken(error) }
            }
        }
    }

    fn counted(&mut self, everywhere: bool, believed: bool, counted: Result<Counts, Error>) -> Verdict {
        let batch = self.batches.front();
        let mut expected = self.counts;
        if let Some(batch) = batch
            && !self.doubting
        {
            let count = expected.of_mut(batch.kind);
            *count = if batch.add { *count + batch.interests.len() } else { *count - batch.interests.len() };
        }
        let relevant = |counts: Counts| match batch {
            // Where a shard's channels are is known only by asking everywhere.
            None if everywhere => counts,
            _ => Counts { shards: 0, ..counts },
        };
        match counted {
            Ok(counts) if relevant(counts) == relevant(expected) => {
                if self.doubting {
                    return self.refused();
                }
                if batch.is_some() {
                    return self.done();
                }
                self.rest();
                Verdict::Nothing
            }
            Err(error) if lost(&error) => self.broken(error),
            Err(error) if believed => {
                // It matches its question, so this is what the server says to it.
                self.broken(error)
            }
            counted => {
                if let Err(error) = &counted {
                    self.complaint = Some(error.clone());
                }
                if !believed {
                    self.phase = Phase::Aligning { everywhere, echoes: 0 };
                    return Verdict::Nothing;
                }
                match (batch, counted) {
                    (Some(batch), Ok(counts))
                        if batch.add && !self.doubting && relevant(counts) == relevant(self.counts) =>
                    {
                        self.seems_refused()
                    }
                    _ => self.broken(Error::new(
                        ErrorKind::Server,
                        "the server does not have the subscriptions that it should have",
                    )),
                }
            }
        }
    }

    fn done(&mut self) -> Verdict {
        self.rest();
        let Some(batch) = self.batches.pop_front() else { return Verdict::Nothing };
        let count = self.counts.of_mut(batch.kind);
        *count = if batch.add { *count + batch.interests.len() } else { *count - batch.interests.len() };
        Verdict::Done(batch)
    }

    /// The server did nothing of a batch, as it seems. One that is refused is found by halves, since a command is refused
    /// as a whole. And where nobody said so, it may be that the server did it, but has lost as many others.
    fn seems_refused(&mut self) -> Verdict {
        let Some(mut batch) = self.batches.pop_front() else { return Verdict::Nothing };
        if batch.interests.len() > 1 {
            self.rest();
            batch.attempts += 1;
            let rest = batch.interests.split_off(batch.interests.len() / 2);
            self.batches.push_front(Batch { interests: rest, ..batch.clone() });
            self.batches.push_front(batch);
            return Verdict::Nothing;
        }
        self.batches.push_front(batch);
        if self.complaint.as_ref().is_some_and(|complaint| complaint.kind() == ErrorKind::Denied) {
            return self.refused();
        }
        self.rest();
        self.doubting = true;
        Verdict::Nothing
    }

    /// The server has refused the only one of the first batch.
    fn refused(&mut self) -> Verdict {
        let complaint = self.complaint.take();
        self.rest();
        let Some(batch) = self.batches.pop_front() else { return Verdict::Nothing };
        let name = batch.interests.first().map(|interest| self.channels.name(interest).1).unwrap_or_default();
        let message = format!("Redis refuses a subscription to `{name}`");
        let error = match complaint {
            Some(complaint) => Error::with_source(ErrorKind::Denied, message, complaint),
            None => Error::new(ErrorKind::Denied, message),
        };
        Verdict::Refused(batch, error)
    }

    fn rest(&mut self) {
        self.phase = Phase::Idle;
        self.complaint = None;
        self.doubting = false;
    }

    fn broken(&mut self, error: Error) -> Verdict {
        self.phase = Phase::Broken;
        Verdict::Broken(error)
    }
}

/// Whether the error says that the connection is gone, not that the server has answered.
fn lost(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Closed)
}
