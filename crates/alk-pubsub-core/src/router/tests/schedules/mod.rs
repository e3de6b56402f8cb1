//! Logs, queues and feeds under every schedule of a few threads, with loom: `cargo xtask test` runs them.
//!
//! Chunks have one or two slots here, so that a few events go through several of them. A reader that is never woken is a
//! deadlock, which loom finds by itself.

mod blocking;
mod closing;
mod explore;
mod feed;
mod readers;
mod route;
mod table;
