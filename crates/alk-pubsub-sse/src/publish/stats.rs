use crate::stats::{Counter, Refusals, Refused};

/// What a [`PublishHandler`](super::PublishHandler) has done since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishStats {
    /// Requests that were begun.
    pub requests: u64,
    /// Events that were published, also those before a refused line.
    pub published: u64,
    /// Requests that were refused, as a whole or from some line on.
    pub refused: Refused,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: Counter,
    pub(super) published: Counter,
    pub(super) refused: Refusals,
}

impl Counters {
    pub(super) fn snapshot(&self) -> PublishStats {
        PublishStats {
            requests: self.requests.count(),
            published: self.published.count(),
            refused: self.refused.count(),
        }
    }
}
