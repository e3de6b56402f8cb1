//! Promises of delivery.md, over Redis servers that the tests start for themselves.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests, helpers included")]

#[cfg(feature = "fred-clients")]
mod clients;
mod cluster;
mod conformance;
mod denied;
mod fred_facts;
mod interop;
mod loss;
mod resources;
mod sentinel;
mod single;
mod support;
#[cfg(feature = "tls")]
mod tls;
