//! Throw-away Redis servers on free loopback ports.
//!
//! A server ends with the value that stands for it, together with its files. Nothing else is ever ended.

mod binary;
mod cluster;
mod process;
mod resp;
mod sentinel;
mod tls;

pub use cluster::Cluster;
pub use process::{Server, wait_until};
pub use resp::Reply;
pub use sentinel::Sentinel;
pub use tls::{Authority, TlsServer};
