use std::sync::mpsc;

use anyhow::{Context, Result};

use super::servers::{Authority, Cluster, Sentinel, Server, TlsServer};
use crate::test::locate_redis;

/// Start throw-away Redis servers on free ports of this machine, print their URL, and stop them at Ctrl-C.
///
/// They keep nothing on disk. The binary is found as `cargo xtask test` finds it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask redis               one server
  cargo xtask redis --cluster     a cluster of six
  alk-hub serve --redis URL       a hub over what was printed")]
pub(crate) struct Args {
    /// A cluster of three masters with a replica each.
    #[arg(long, conflicts_with_all = ["sentinel", "tls"])]
    cluster: bool,

    /// A master, a replica, and a sentinel that watches them.
    #[arg(long, conflicts_with = "tls")]
    sentinel: bool,

    /// A server that speaks TLS only; the certificate to trust is printed too.
    #[arg(long)]
    tls: bool,
}

/// Starts what is asked for; it is stopped by the end of this function.
pub(crate) fn run(args: &Args) -> Result<()> {
    // Found, or installed, before a server asks for it.
    locate_redis(true)?;
    if args.cluster {
        let cluster = Cluster::start();
        wait(&cluster.url())
    } else if args.sentinel {
        let sentinel = Sentinel::start();
        wait(&sentinel.url())
    } else if args.tls {
        let authority = Authority::new();
        let server = TlsServer::start(&authority);
        println!("{}", authority.pem());
        wait(&server.url())
    } else {
        let server = Server::start(&[]);
        wait(&server.url())
    }
}

fn wait(url: &str) -> Result<()> {
    println!("{url}\n\nCtrl-C stops it.");
    let (sender, interrupted) = mpsc::sync_channel(1);
    let interrupt = move || {
        // Once is enough.
        let _ = sender.try_send(());
    };
    ctrlc::set_handler(interrupt).context("cannot listen to signals")?;
    interrupted.recv().context("cannot listen to signals")
}
