//! What is told to a driver, and what it tells.

use crate::error::Error;

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    Shard,
}

/// How many subscriptions of each kind a connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    pub(crate) shards: usize,
}

impl Counts {
    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }
}

/// What arrives on a subscriber's connection.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// A message, because of a subscription of this kind. The payload is a part of a larger buffer.
    Message { kind: Kind, channel: &'a str, payload: &'a [u8] },
    /// So many messages were lost here.
    Lagged(u64),
    /// The nodes of the cluster, or what they are responsible for, have changed.
    TopologyChanged,
    /// The connection is lost.
    Closed(Error),
}
