//! The spoke at work over pipes within the process, in paused time.

mod against_a_hub;
mod against_a_script;
mod closing;
mod endings;
mod support;
mod tokens;
