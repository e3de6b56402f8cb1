//! Keeps one subscriber's connection: connects, asks, takes what arrives, and starts over when it is lost.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use alk_pubsub_core::Interests;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::Instrument;

use crate::backoff::Backoff;
use crate::channels::Channels;
use crate::driver::{Driver, Incoming, SubscriberConnection};
use crate::error::{Error, ErrorKind};
use crate::give_up::GiveUp;
use crate::inbox::Inbox;
use crate::machine::{BATCH, Machine, Outcome, Step, Verdict};
use crate::status::{Part, Status, connect_span};
use crate::threads::Stop;

/// How long the connection may be idle before it is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(3);
/// How long the server may take for an answer. Under a flood of messages answers have taken half a second.
const ANSWER: Duration = Duration::from_secs(8);

pub(crate) struct Subscriber<D> {
    pub(crate) driver: D,
    pub(crate) part: Part,
    pub(crate) channels: Channels,
    pub(crate) interests: Interests,
    pub(crate) inbox: Inbox,
    pub(crate) status: Status,
    pub(crate) backoff: Backoff,
    /// Whether all nodes of a cluster are asked for what they have: where subscriptions stand on several.
    pub(crate) everywhere: bool,
    /// Whether there is a connection only while there is an interest.
    pub(crate) lazy: bool,
    pub(crate) stop: Stop,
    pub(crate) give_up: GiveUp,
}

type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl<D: Driver> Subscriber<D> {
    /// Until told to end, or until there is no use in going on.
    pub(crate) async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            error = self.keep() => self.give_up.because(&error),
        }
        // What was missed until now is told even if nothing follows.
        self.inbox.ended();
    }

    /// Connects again and again; returns why it gives up.
    async fn keep(&mut self) -> Error {
        loop {
            while self.lazy && self.interests.is_empty() {
                self.status.up(self.part);
                self.interests.changed().await;
            }
            let span = connect_span(self.part);
            let error = match self.driver.connect_subscriber().instrument(span).await {
                Ok(mut connection) => match self.serve(&mut connection).await {
                    Ok(()) => continue,
                    Err(error) => {
                        tracing::warn!(%error, part = ?self.part, "the subscribing connection to Redis is lost");
                        error
                    }
                },
                Err(error) => error,
            };
            self.status.down(self.part);
            self.inbox.connection_lost();
            self.status.failed_attempt(error.clone());
            match self.backoff.after(&error, self.status.been_up()) {
                Some(wait) => sleep(wait).await,
                None => return error,
            }
        }
    }

    /// Serves one connection until it is lost, or until nobody wants it.
    async fn serve(&mut self, connection: &mut D::Subscriber) -> Result<(), Error> {
        let mut machine = Machine::new(self.channels.clone());
        let mut step: Option<(Pending, Instant)> = None;
        let mut look_after = Instant::now() + LOOK_AFTER;
        let (mut lost, mut settled) = (None, false);
        let interests = self.interests.clone();
        // What is to be asked for anew on this connection; what comes up later is queued behind it.
        let mut owed = interests.to_ask();
        loop {
            if step.is_none() {
                if machine.is_resting() {
                    if !settled && (owed == 0 || interests.is_settled()) {
                        settled = true;
                        self.inbox.all_decided();
                        self.backoff.reset();
                        self.status.up(self.part);
                    }
                    if Instant::now() >= look_after {
                        // Before anything else is asked: however often interests change, it has its turn.
                        machine.look_after(self.everywhere);
                        look_after = Instant::now() + LOOK_AFTER;
                    } else if !machine.is_to_recount() {
                        let changes = interests.take_changes(BATCH);
                        owed = owed.saturating_sub(changes.added.len() + changes.removed.len());
                        self.inbox.asked(&changes.added);
                        machine.ask(changes);
                    }
                }
                step = start(machine.next(), connection);
                if step.is_none() && self.lazy && interests.is_empty() {
                    return Ok(());
                }
            }
            let idle = step.is_none();
            let (inbox, mut topology) = (&mut self.inbox, false);
            let mut hand_out = |incoming: Incoming<'_>| match incoming {
                Incoming::Message { kind, channel, payload } => inbox.message(kind, channel, payload),
                Incoming::Lagged(messages) => inbox.lagged(messages),
                Incoming::TopologyChanged => topology = true,
                Incoming::Closed(error) => lost = Some(error),
            };
            let outcome = tokio::select! {
                () = connection.receive(&mut hand_out) => None,
                outcome = answer(&mut step) => Some(outcome),
                () = interests.changed(), if idle => None,
                () = sleep_until(look_after), if idle => None,
            };
            if topology {
                machine.topology_changed();
            }
            if let Some(error) = lost {
                return Err(error);
            }
            if let Some(outcome) = outcome {
                step = None;
                if !self.everywhere {
                    // Each request is followed by a count, which has looked after it.
                    look_after = Instant::now() + LOOK_AFTER;
                }
                self.judge(machine.outcome(outcome?))?;
            }
        }
    }

    fn judge(&mut self, verdict: Verdict) -> Result<(), Error> {
        match verdict {
            Verdict::Nothing => {}
            Verdict::Done(batch) => {
                for interest in &batch.interests {
                    if batch.add {
                        self.inbox.active(interest);
                    }
                    self.interests.confirm(batch.generation, interest);
                }
            }
            Verdict::Refused(batch, error) => {
                tracing::error!(%error, "a subscription is refused");
                let error: alk_pubsub_core::Error = error.into();
                for interest in &batch.interests {
                    self.interests.refuse(batch.generation, interest, error.clone());
                    self.inbox.refused(interest, &error);
                }
            }
            Verdict::Broken(error) => return Err(error),
        }
        Ok(())
    }
}

/// Starts a step; what there is to wait for, and until when.
fn start(step: Step, connection: &impl SubscriberConnection) -> Option<(Pending, Instant)> {
    let pending: Pending = match step {
        Step::Rest => return None,
        Step::Request { kind, add, names } => {
            let answer = connection.request(kind, add, names);
            Box::pin(async move { Outcome::Requested(answer.await) })
        }
        Step::Count { everywhere } => {
            let answer = connection.count(everywhere);
            Box::pin(async move { Outcome::Counted(answer.await) })
        }
        Step::Echo(nonce) => {
            let answer = connection.echo(nonce);
            Box::pin(async move { Outcome::Echoed(answer.await) })
        }
        Step::Wait(wait) => Box::pin(async move {
            sleep(wait).await;
            Outcome::Waited
        }),
    };
    Some((pending, Instant::now() + ANSWER))
}

/// Cancel safe: the step stays.
async fn answer(step: &mut Option<(Pending, Instant)>) -> Result<Outcome, Error> {
    match step {
        Some((pending, until)) => timeout_at(*until, pending)
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, format!("Redis has not answered for {ANSWER:?}"))),
        None => pending().await,
    }
}
