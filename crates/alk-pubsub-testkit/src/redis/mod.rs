//! Redis servers for tests, started on free loopback ports and gone with the value that stands for them.
//!
//! What is started is a real server: the binary that the environment variable `ALK_REDIS_SERVER` names, else
//! `redis-server` or `valkey-server` on `PATH`. A test that needs one fails where there is none. Nothing is kept on disk but a
//! folder with a log, which goes with the server. No server is ended that was not started here.
//!
//! ```no_run
//! use alk_pubsub_testkit::redis::Server;
//!
//! let server = Server::start(&[]);
//! println!("{}", server.url());
//! server.kill(); // as a crash would
//! server.restart(); // at the same place
//! server.pause(); // hangs, with its connections open
//! server.resume();
//! // Dropping it ends it.
//! ```
//!
//! A [`Cluster`] has six of them, a [`Sentinel`] watches two, a [`TlsServer`] has a certificate by an [`Authority`] of the
//! test's own. Users with an ACL are made by [`Server::set_user`].
//!
//! All of this blocks the calling thread, for a minute at most; in an asynchronous test use a runtime with several threads.

mod binary;
mod cluster;
mod process;
mod resp;
mod sentinel;
mod tls;

pub use cluster::Cluster;
pub use process::{Server, free_port, wait_until};
pub use resp::Reply;
pub use sentinel::Sentinel;
pub use tls::{Authority, TlsServer};
