//! The task of a spoke: connects, runs the connection, connects again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use alk_pubsub_core::{Error, ErrorKind, Router};
use tokio::time::Instant;
use tracing::Instrument;

use super::backoff::Backoff;
use super::connection::{Connection, Outcome};
use super::connector::Connector;
use super::shared::{Phase, Shared};
use super::stats::add;
use crate::code::ErrorCode;
use crate::error::{Error as PipeError, ErrorKind as PipeErrorKind};

/// Runs a spoke to its end.
pub(super) async fn run(shared: Arc<Shared>, router: Router, connector: impl Connector) {
    let mut end = EndGuard(Some((shared.clone(), router.clone())));
    let task = Task { shared: &shared, router: router.clone(), connector };
    let ended = task.run().await;
    end.0 = None;
    match ended {
        // Whoever closed it ends the subscriptions as well.
        End::Closed(result) => shared.end(&Error::closed(), result),
        End::Failed(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "the link to the hub has ended for good");
            shared.end(&error, Ok(()));
            router.end(error);
        }
    }
}

/// If the task is dropped or panics, nobody waits for it for ever.
struct EndGuard(Option<(Arc<Shared>, Router)>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        if let Some((shared, router)) = self.0.take() {
            let error =
                Error::new(ErrorKind::Closed, "the runtime that kept the link to the hub has stopped it");
            shared.end(&error, Err(error.clone()));
            router.end(error);
        }
    }
}

struct Task<'a, C> {
    shared: &'a Arc<Shared>,
    router: Router,
    connector: C,
}

enum End {
    /// It was to end.
    Closed(Result<(), Error>),
    /// There is no connection, and will be none.
    Failed(Error),
}

/// What comes after a connection or an attempt to make one.
enum Next {
    Wait(Option<Duration>, Error),
    End(End),
}

impl<C: Connector> Task<'_, C> {
    async fn run(self) -> End {
        let mut backoff = Backoff::new(self.shared.options.reconnect);
        loop {
            let (asked, error) = match self.connect(&mut backoff).await {
                Next::Wait(asked, error) => (asked, error),
                Next::End(end) => return end,
            };
            let Some(delay) = backoff.next(asked, Instant::now()) else { return End::Failed(error) };
            tracing::debug!(?delay, "the hub will be connected to again");
            if let Err(end) = self.unless_left(tokio::time::sleep(delay)).await {
                return end;
            }
        }
    }

    /// Connects, and runs the connection to its end.
    async fn connect(&self, backoff: &mut Backoff) -> Next {
        let timeout = self.shared.options.connect_timeout;
        let deadline = Instant::now() + timeout;
        let span = tracing::debug_span!("connect", otel.kind = "client", messaging.system = "alk-pubsub");
        let attempt = tokio::time::timeout_at(deadline, self.connector.connect().instrument(span));
        let pipe = match self.unless_left(attempt).await {
            Err(end) => return Next::End(end),
            Ok(Ok(Ok(pipe))) => pipe,
            Ok(Ok(Err(error))) => return self.failed(error),
            Ok(Err(_)) => {
                let message = format!("no connection was made within {timeout:?}");
                return self.failed(PipeError::new(PipeErrorKind::Timeout, message));
            }
        };
        let made = Instant::now();
        let outcome = Connection::new(self.shared, &self.router, &self.connector, pipe, deadline).run().await;
        let welcomed = self.shared.lock().machine.is_welcome();
        self.shared.disconnected();
        if welcomed {
            backoff.stood_for(made.elapsed(), Instant::now());
        }
        match outcome {
            Outcome::Lost(error) if welcomed && error.is_retryable() => {
                tracing::info!(%error, cause = cause(&error), "the connection to the hub was lost");
                self.shared.set_failure(Some(error.clone()));
                Next::Wait(None, error.into())
            }
            Outcome::Lost(error) => self.failed(error),
            Outcome::SentAway { reason, reconnect, retry } => {
                tracing::info!(reason, reconnect, ?retry, "the hub has closed the link");
                let message = format!("the hub has closed the link: {reason}");
                self.shared.set_failure(Some(PipeError::new(PipeErrorKind::Closed, message.clone())));
                let kind =
                    if reason == ErrorCode::Expired.as_str() { ErrorKind::Denied } else { ErrorKind::Closed };
                let error = Error::new(kind, message);
                if reconnect || self.connector.returns_after(&reason) {
                    Next::Wait(retry, error)
                } else {
                    Next::End(End::Failed(error))
                }
            }
            Outcome::Closed(result) => Next::End(End::Closed(result)),
        }
    }

    fn failed(&self, error: PipeError) -> Next {
        add(&self.shared.counters.failed_attempts, 1);
        // The first of many says enough.
        if self.shared.set_failure(Some(error.clone())) {
            tracing::debug!(%error, cause = cause(&error), "the hub could not be connected to again");
        } else {
            tracing::warn!(%error, cause = cause(&error), "the hub could not be connected to");
        }
        if error.is_retryable() {
            Next::Wait(error.retry_after(), error.into())
        } else {
            Next::End(End::Failed(error.into()))
        }
    }

    /// Waits for something as long as the link is wanted.
    async fn unless_left<F: Future>(&self, future: F) -> Result<F::Output, End> {
        let mut future = pin!(future);
        // While something is to be sent, closing waits for a connection up to its deadline.
        let mut deadline = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if let Poll::Ready(phase) = self.shared.poll_leave(cx) {
                tracing::trace!(?phase, "the link is not wanted any more");
                return Poll::Ready(Err(End::Closed(Ok(()))));
            }
            let Phase::Closing(at) = *self.shared.lock().phase() else { return Poll::Pending };
            let deadline = deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            deadline.as_mut().poll(cx).map(|()| Err(End::Closed(Err(self.shared.unsent()))))
        })
        .await
    }
}

fn cause(error: &PipeError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}
