//! A hub's process, and what it costs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use alk_pubsub_testkit::redis::free_port;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// A backstop for what a hub is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// One hub, always at the same port.
pub(crate) struct Hub {
    binary: PathBuf,
    redis: String,
    port: u16,
    child: Mutex<Option<Child>>,
}

/// What a process costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
}

impl Hub {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(binary: &Path, redis: &str) -> std::io::Result<Self> {
        let (binary, redis) = (binary.to_owned(), redis.to_owned());
        let hub = Self { binary, redis, port: free_port(), child: Mutex::default() };
        hub.restart().await?;
        Ok(hub)
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        ("127.0.0.1", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/ws", self.port)
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(&self) {
        if let Some(mut child) = self.child.lock().await.take() {
            // It may have ended by itself.
            let _ = child.kill().await;
        }
    }

    /// Starts it again. One that ends since Redis is not there is started until it is.
    pub(crate) async fn restart(&self) -> std::io::Result<()> {
        let listen = format!("127.0.0.1:{}", self.port);
        let started = async {
            loop {
                let mut command = Command::new(&self.binary);
                command.env_clear().env("ALK_HUB_LOG", "error").kill_on_drop(true);
                command.args(["serve", "--listen", &listen, "--redis", &self.redis]);
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                let mut child = command.spawn()?;
                while child.try_wait()?.is_none() {
                    if self.get("/readyz").await.is_some() {
                        *self.child.lock().await = Some(child);
                        return Ok(());
                    }
                    sleep(Duration::from_millis(50)).await;
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(DEADLINE, started).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// The body of an answer that says 200.
    async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).is_some_and(|code| code == "200").then(|| body.to_owned())
    }

    /// Its own numbers.
    pub(crate) async fn stats(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/stats").await?).ok()
    }

    /// What it costs now, if it runs.
    pub(crate) async fn cost(&self) -> Option<Cost> {
        let pid = self.child.lock().await.as_ref()?.id()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Cost { rss_kib: number("VmRSS")?, descriptors, threads: number("Threads")? })
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rss_kib, descriptors, threads } = self;
        write!(f, "{:.1} MiB, {descriptors} descriptors, {threads} threads", *rss_kib as f64 / 1024.0)
    }
}
