//! What somebody may try who means harm, each tried on the running hub: what it costs the hub at most, and how long it has it.
//!
//! `cargo xtask attack` runs them one after the other and prints the table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is for people")]
#![cfg(target_os = "linux")]

mod connections;
mod frames;
mod harness;
mod requests;
#[path = "../support/mod.rs"]
mod support;
