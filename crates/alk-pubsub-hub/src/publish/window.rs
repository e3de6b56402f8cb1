//! What is on its way and not answered yet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use alk_pubsub::{Error, Event, EventTarget, Published, TargetFuture};

/// How many events may be on their way.
const MOST_EVENTS: usize = 2048;
/// How many bytes; a single event may have more.
const MOST_BYTES: usize = 4 << 20;

/// Publishes events in order, many at a time, and waits for the answer to each.
pub(super) struct Window {
    target: Arc<dyn EventTarget>,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Events that were taken.
    pub(super) published: u64,
    /// How many subscribers the last one had, where that is known.
    pub(super) receivers: Option<u64>,
    /// The first that was not.
    failure: Option<Failure>,
}

/// An event that was not taken, or may not have been.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) line: u64,
    pub(super) error: Error,
}

struct Waiting {
    line: u64,
    bytes: usize,
    answer: TargetFuture<Result<Published, Error>>,
}

impl Window {
    pub(super) fn new(target: Arc<dyn EventTarget>) -> Self {
        Self { target, waiting: VecDeque::new(), bytes: 0, published: 0, receivers: None, failure: None }
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
            let answer = self.target.dispatch_event(event);
            self.bytes += bytes;
            self.waiting.push_back(Waiting { line, bytes, answer });
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
                let Some(Waiting { line, bytes, .. }) = self.waiting.pop_front() else { break };
                self.bytes -= bytes;
                match answer {
                    Ok(published) => {
                        self.published += 1;
                        self.receivers = published.known_receivers();
                    }
                    Err(error) => {
                        self.failure.get_or_insert(Failure { line, error });
                    }
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Waits for all answers that are still to come. Whether all events were taken.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        while !self.is_empty() {
            self.answered().await;
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}
