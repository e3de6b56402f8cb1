//! The paths of a single event, as programs that do the same in every run.
//!
//! There are no threads, no runtime, no timers and no sockets in them: what is polled is polled by hand. So a count of
//! instructions is the same in every run, and says what a measured time on a busy machine cannot.

mod envelope;
mod parse;
mod publish;
mod relay;
mod run;
mod woken;

pub use run::run;
