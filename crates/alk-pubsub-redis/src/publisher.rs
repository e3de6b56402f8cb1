//! Keeps the publisher's connection and sends what is in the outbox, in order, many at a time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;

use crate::backoff::Backoff;
use crate::driver::{Answer, Driver, PublisherConnection};
use crate::error::{Error, ErrorKind};
use crate::give_up::GiveUp;
use crate::outbox::{Outbox, Outgoing, Reply};
use crate::status::{Part, Status, connect_span};
use crate::threads::Stop;

/// How long the connection may be idle before it is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(8);

pub(crate) struct Publisher<D> {
    pub(crate) driver: D,
    pub(crate) outbox: Outbox,
    pub(crate) status: Status,
    pub(crate) backoff: Backoff,
    pub(crate) stop: Stop,
    pub(crate) give_up: GiveUp,
}

impl<D: Driver> Publisher<D> {
    /// Until told to end, or until there is no use in going on.
    pub(crate) async fn run(mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.stopped() => self.outbox.abandon(&Error::new(ErrorKind::Closed, "the event target is closed")),
            error = self.keep() => self.give_up.because(&error),
        }
    }

    async fn keep(&mut self) -> Error {
        loop {
            let span = connect_span(Part::Publisher);
            let error = match self.driver.connect_publisher().instrument(span).await {
                Ok(mut connection) => {
                    self.backoff.reset();
                    self.outbox.connected();
                    self.status.up(Part::Publisher);
                    let error = self.serve(&mut connection).await;
                    tracing::warn!(%error, "the publishing connection to Redis is lost");
                    error
                }
                Err(error) => error,
            };
            self.status.down(Part::Publisher);
            self.outbox.disconnected();
            self.status.failed_attempt(error.clone());
            match self.backoff.after(&error, self.status.been_up()) {
                Some(wait) => sleep(wait).await,
                None => return error,
            }
        }
    }

    /// Sends until the connection is lost. What was in flight then has an error, and may have been published.
    async fn serve(&mut self, connection: &mut D::Publisher) -> Error {
        let mut in_flight = InFlight { outbox: self.outbox.clone(), sent: FuturesUnordered::new() };
        let (mut outgoing, mut answers) = (Vec::new(), Vec::new());
        let mut look_after = Instant::now() + LOOK_AFTER;
        let mut nonce = 0;
        let mut echo: Option<Answer<bool>> = None;
        loop {
            tokio::select! {
                () = self.outbox.changed() => in_flight.send(connection, &mut outgoing),
                Answered { events, lost } = in_flight.answered(&mut answers), if !in_flight.sent.is_empty() => {
                    look_after = Instant::now() + LOOK_AFTER;
                    if self.outbox.answered(events) {
                        in_flight.send(connection, &mut outgoing);
                    }
                    if let Some(error) = lost {
                        return error;
                    }
                }
                error = connection.closed() => return error,
                () = sleep_until(look_after), if echo.is_none() => {
                    nonce += 1;
                    let answer = connection.echo(nonce);
                    echo = Some(Box::pin(async move {
                        timeout(ANSWER, answer).await.unwrap_or_else(|_| {
                            Err(Error::new(ErrorKind::Timeout, format!("Redis has not answered for {ANSWER:?}")))
                        })
                    }));
                }
                answer = async { match &mut echo { Some(echo) => echo.await, None => std::future::pending().await } } => {
                    echo = None;
                    look_after = Instant::now() + LOOK_AFTER;
                    match answer {
                        Err(error) if matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout) => return error,
                        // A refused PING is an answer too.
                        _ => {}
                    }
                }
            }
        }
    }
}

/// What was sent and not answered; when it goes, those who wait are told that nobody knows.
struct InFlight {
    outbox: Outbox,
    sent: FuturesUnordered<Sent>,
}

/// One that was sent, and who waits for its answer.
struct Sent {
    answer: Answer<Option<u64>>,
    waits: Option<oneshot::Sender<Reply>>,
}

/// What has come in one go.
struct Answered {
    events: usize,
    /// The error that says that the connection is lost, if that is one of the answers.
    lost: Option<Error>,
}

impl Future for Sent {
    type Output = (Option<oneshot::Sender<Reply>>, Reply);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(cx));
        Poll::Ready((self.waits.take(), answer))
    }
}

impl InFlight {
    fn send(&mut self, connection: &impl PublisherConnection, outgoing: &mut Vec<Outgoing>) {
        self.outbox.take(outgoing);
        for Outgoing { channel, envelope, reply } in outgoing.drain(..) {
            self.sent.push(Sent { answer: connection.publish(channel, envelope), waits: reply });
        }
    }

    /// Waits for answers and tells them, as many as are there: who waits is woken once for all of its own, and commands go out
    /// in bunches.
    ///
    /// Cancel safe. `answers` is room for them.
    async fn answered(&mut self, answers: &mut Vec<<Sent as Future>::Output>) -> Answered {
        let is_gone = |error: &&Error| matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout);
        let mut lost = None;
        let mut next = self.sent.next().await;
        while let Some((waits, answer)) = next {
            lost = answer.as_ref().err().filter(is_gone).cloned();
            answers.push((waits, answer));
            next = if lost.is_none() { self.sent.next().now_or_never().flatten() } else { None };
        }
        if lost.is_some() {
            // Before anybody is told: who hears that there is no connection and tries again hears it again.
            self.outbox.disconnected();
        }
        let events = answers.len();
        for (waits, answer) in answers.drain(..) {
            tell(waits, answer);
        }
        Answered { events, lost }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let unanswered = self.sent.len();
        if unanswered > 0 {
            tracing::warn!(
                events = unanswered,
                "it is unknown whether the events that were on their way are published"
            );
        }
        self.sent.clear();
        self.outbox.answered(unanswered);
    }
}

fn tell(reply: Option<oneshot::Sender<Reply>>, answer: Reply) {
    match (reply, answer) {
        (Some(reply), answer) => {
            let _ = reply.send(answer);
        }
        (None, Err(error)) => {
            tracing::warn!(%error, "an event whose publisher did not wait is not published");
        }
        (None, Ok(_)) => {}
    }
}
