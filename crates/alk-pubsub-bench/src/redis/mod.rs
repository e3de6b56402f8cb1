//! C: through a Redis server, beside its clients used as one would use them by hand.
//!
//! One publisher with a connection of its own and up to 256 publishes under way; S subscribers of one channel, each of which decodes the
//! envelope of about 200 bytes. By hand each subscriber has a connection; with us they share one. A publisher runs at most so
//! far ahead of the slowest subscriber that nobody's buffer overflows.

mod fred;
mod measure;
mod ours;
mod progress;
mod redis_rs;

pub(crate) use measure::measure;
