//! The seam to the Redis client: what routing and reconnecting need of it, and no more.
//!
//! A connection is used once. When it is lost it is dropped, with whatever it still knew, and a new one is made: the
//! client's own reconnecting, resubscribing and retrying stay switched off.

mod ask;
mod connection;
mod fred;
mod fred_config;
#[cfg(test)]
pub(crate) mod scripted;
mod types;

pub(crate) use self::ask::ask;
pub(crate) use self::connection::{Answer, Driver, PublisherConnection, SubscriberConnection};
pub(crate) use self::fred::FredDriver;
pub(crate) use self::fred_config::FredConfig;
#[cfg(feature = "fred-clients")]
pub(crate) use self::fred_config::check_clients;
pub(crate) use self::types::{Counts, Incoming, Kind};
