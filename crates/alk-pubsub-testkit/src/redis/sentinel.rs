//! A master, its replica, and a sentinel that watches them.

use std::fs;

use super::process::{Server, wait_until};

/// The name that the sentinel knows the master by.
const NAME: &str = "main";

/// Three servers of which one, the sentinel, decides which of the others is the master.
#[derive(Debug)]
pub struct Sentinel {
    /// What began as the master.
    pub master: Server,
    /// What began as its replica.
    pub replica: Server,
    sentinel: Server,
}

impl Sentinel {
    /// Starts them, with a sentinel that notices a dead master after a second.
    #[must_use]
    pub fn start() -> Self {
        let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port().to_string();
        let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
        let sentinel = Server::prepare();
        let file = sentinel.folder().join("sentinel.conf");
        let settings = format!(
            "port {}\nsentinel monitor {NAME} 127.0.0.1 {port} 1\nsentinel down-after-milliseconds {NAME} 1000\n\
             sentinel failover-timeout {NAME} 5000\n",
            sentinel.port()
        );
        fs::write(&file, settings).expect("the folder is ours");
        let sentinel = sentinel.launch([&*file.display().to_string(), "--sentinel"]);
        let started = Self { master, replica, sentinel };
        wait_until("the sentinel knows the replica", || {
            let known = started.sentinel.command(&["INFO", "sentinel"]).text();
            known.contains("slaves=1") && known.contains("status=ok")
        });
        wait_until("the replica follows", || {
            started.replica.command(&["INFO", "replication"]).text().contains("master_link_status:up")
        });
        started
    }

    /// The URL that names the sentinel and the master's name.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName={NAME}", self.sentinel.port())
    }
}
