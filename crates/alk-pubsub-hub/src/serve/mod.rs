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

pub(crate) use hub::Hub;
pub(crate) use run::{Ended, serve};
