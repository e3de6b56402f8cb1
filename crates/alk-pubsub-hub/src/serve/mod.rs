//! `alk-hub serve`.

mod accept;
mod banner;
mod connection;
mod gate;
mod hub;
mod listen;
mod refusal;
mod router;
mod run;
mod seats;
mod shutdown;
mod socket;
mod upstream;

pub(crate) use hub::{Hub, Readiness};
pub(crate) use run::{Ended, serve};
pub(crate) use upstream::name;
