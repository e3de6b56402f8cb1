//! `alk-hub sub`.

mod framing;
mod gaps;
mod output;
mod pretty;
mod run;

pub(crate) use run::subscribe;
