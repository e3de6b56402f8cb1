//! `alk-hub bench`: many listeners and one publisher on one thread, which count, check and time what a hub delivers.
//!
//! [`Tally`](tally::Tally) and what reads bytes ([`frames`], [`events`]) know no sockets; [`generator`] is the loop around
//! `mio`. It reads frames by itself, since the reader has to be faster than any hub writes. So that others can be measured by
//! the same load, it also speaks as much as it needs of what they do.

mod answer;
mod connection;
mod event;
mod events;
mod frames;
mod generator;
mod nats;
mod outcome;
mod place;
mod run;
mod tally;

pub(crate) use run::run;
