//! D and E: one publisher and N listeners of one topic at a hub, over WebSocket and over server-sent events.
//!
//! Ours is the built `alk-hub`; the load comes from `alk-hub bench`, whoever the hub is: the peers speak as much of the wire
//! protocol as it needs. Hub and load have a core each, where there is `taskset` to say so. Each turn begins with a new hub.
//! Hubs of others take part where they are installed; those that do not speak our wire protocol are spoken to in theirs.

mod bare;
mod by_hand;
mod contender;
mod external;
mod growth;
mod load;
mod measure;
mod process;
mod stand_in;

pub(crate) use growth::{connection_growth, payload_growth};
pub(crate) use measure::{sockets, streams};
pub(crate) use stand_in::StandIn;
