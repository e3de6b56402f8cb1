//! `alk-hub pub`.

mod envelope;
mod lines;
mod run;
mod window;

pub(crate) use run::publish;
