//! C: through a Redis server, beside its clients used as one would use them by hand.
//!
//! A process publishes with a connection of its own and up to 256 publishes under way; in another are S subscribers of one
//! channel, each of which decodes the envelope of about 200 bytes. By hand each subscriber has a connection; with us they
//! share one. Each process has a runtime of one thread. The publisher runs at most so far ahead of the slowest subscriber
//! that nobody's buffer overflows: the subscribers say how far they are. At a fixed rate each event is timed instead, from
//! when it is made to when it is decoded.

mod bare;
mod client;
mod fred;
mod listeners;
mod measure;
mod note;
mod ours;
mod progress;
mod publishing;
mod redis_rs;

pub(crate) use listeners::Listeners;
pub(crate) use measure::measure;
