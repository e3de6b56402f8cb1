//! `alk-hub doctor`.

mod clock;
mod command;
mod finding;
mod hub;
mod readiness;
mod redis;
mod round_trip;

pub(crate) use command::doctor;
