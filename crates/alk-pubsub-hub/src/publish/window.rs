//! What is on its way and not answered yet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alk_pubsub::{ConnectionState, Error, Event, EventTarget, Published, StateWatch, TargetFuture};

/// How many events may be on their way.
const MOST_EVENTS: usize = 2048;
/// How many bytes; a single event may have more.
const MOST_BYTES: usize = 4 << 20;

/// Publishes events in order, many at a time, and waits for the answer to each.
pub(super) struct Window {
    target: Arc<dyn EventTarget>,
    state: StateWatch,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Events that were taken.
    pub(super) published: u64,
    /// How many subscribers the last one had, where that is known.
    pub(super) receivers: Option<u64>,
    /// The first that was not.
    failure: Option<Failure>,
    /// The line that was published last.
    last: u64,
    /// How many events were taken behind the first that was not.
    behind: u64,
    /// Of how many behind it nobody knows.
    unknown: u64,
}

/// An event that was not taken, or may not have been.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) line: u64,
    pub(super) error: Error,
    /// It has not even been sent.
    pub(super) unsent: bool,
}

struct Waiting {
    line: u64,
    unsent: bool,
    bytes: usize,
    answer: TargetFuture<Result<Published, Error>>,
}

impl Window {
    pub(super) fn new(target: Arc<dyn EventTarget>) -> Self {
        Self {
            state: target.state(),
            target,
            waiting: VecDeque::new(),
            bytes: 0,
            published: 0,
            receivers: None,
            failure: None,
            last: 0,
            behind: 0,
            unknown: 0,
        }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether an event was refused; there is no use in publishing further ones.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Publishes an event when there is room for it.
    pub(super) async fn publish(&mut self, line: u64, event: Event) {
        let bytes = event.encoded_len();
        while self.waiting.len() >= MOST_EVENTS || (self.bytes + bytes > MOST_BYTES && !self.is_empty()) {
            self.answered().await;
        }
        if !self.has_failed() {
            let mut answer = self.target.dispatch_event(event);
            let mut unsent = false;
            if self.state.current() != ConnectionState::Connected {
                // What is refused before anybody else had a turn has not got as far as a connection.
                let refused = Pin::new(&mut answer).poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(refused) = refused {
                    unsent = refused.is_err();
                    answer = TargetFuture::ready(refused);
                }
            }
            self.last = line;
            self.bytes += bytes;
            self.waiting.push_back(Waiting { line, unsent, bytes, answer });
        }
    }

    /// Waits for the next answers, as many as are there then. Cancel safe.
    pub(super) async fn answered(&mut self) {
        poll_fn(|cx| {
            let mut some = false;
            while let Some(first) = self.waiting.front_mut() {
                let answer = match Pin::new(&mut first.answer).poll(cx) {
                    Poll::Ready(answer) => answer,
                    Poll::Pending if some => break,
                    Poll::Pending => return Poll::Pending,
                };
                some = true;
                let Some(Waiting { line, unsent, bytes, .. }) = self.waiting.pop_front() else { break };
                self.bytes -= bytes;
                match answer {
                    Ok(published) => {
                        self.published += 1;
                        self.behind += u64::from(self.failure.is_some());
                        self.receivers = published.known_receivers();
                    }
                    Err(error) if self.failure.is_some() => {
                        self.unknown += u64::from(error.is_retryable() && !unsent);
                    }
                    Err(error) => self.failure = Some(Failure { line, error, unsent }),
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// What became of the lines behind the one that failed, if some were on their way already: whoever publishes the rest again
    /// is to know of them.
    pub(super) fn behind(&self, line: u64) -> Option<String> {
        let doubt = match self.unknown {
            0 => String::new(),
            unknown => format!("; of {unknown} it is not known"),
        };
        (self.behind + self.unknown > 0).then(|| {
            let (first, last, behind) = (line + 1, self.last, self.behind);
            format!("of lines {first} to {last}, which were on their way, {behind} were published{doubt}")
        })
    }

    /// Waits for all answers that are still to come. Whether all events were taken.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        while !self.is_empty() {
            self.answered().await;
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
