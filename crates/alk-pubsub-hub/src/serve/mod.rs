//! `alk-hub serve`.

mod accept;
mod addresses;
mod banner;
mod connection;
mod gate;
mod head;
mod hub;
mod line;
mod listen;
mod origins;
mod refusal;
mod router;
mod run;
mod seats;
mod shutdown;
mod socket;
mod stream;
mod tls;
mod upstream;

pub(crate) use hub::{Hub, Readiness};
pub(crate) use origins::is_loopback;
pub(crate) use refusal::Refusal;
pub(crate) use run::{Ended, serve};
pub(crate) use upstream::name;
