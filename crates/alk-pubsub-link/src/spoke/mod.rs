//! The spoke's end of a link: an event target whose upstream is a hub.

mod backoff;
mod connection;
mod connector;
mod machine;
mod options;
mod outgoing;
mod shared;
mod stats;
mod task;
#[cfg(test)]
mod tests;
mod upstream;

pub use connector::Connector;
pub use options::{Offline, Reconnect, SpokeOptions};
pub use stats::SpokeStats;
pub use upstream::{LinkEventTarget, LinkUpstream, connect, link_over};
