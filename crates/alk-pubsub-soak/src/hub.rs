//! A hub's process, what it says, and what it costs.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use alk_pubsub_testkit::redis::free_port;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::narrow::Narrow;

/// A backstop for what a hub is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How much may wait for one client: little, so that slow ones lose something.
const QUEUE: &str = "128KiB";
/// What stands in what a program says when it panics.
const PANIC: &str = "panicked at";

/// One hub, always at the same port.
pub(crate) struct Hub {
    binary: PathBuf,
    redis: String,
    address: SocketAddr,
    narrow: Narrow,
    /// What it says on stderr, each time it runs.
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

/// What a process costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
    /// Of its runtime.
    pub(crate) tasks: u64,
}

impl Hub {
    /// Starts one and waits until it is ready. What it says goes to `log`.
    pub(crate) async fn start(binary: &Path, redis: &str, log: PathBuf) -> std::io::Result<Self> {
        let (binary, redis) = (binary.to_owned(), redis.to_owned());
        let address = (Ipv4Addr::LOCALHOST, free_port()).into();
        let narrow = Narrow::start(address).await?;
        File::create(&log)?;
        let hub = Self { binary, redis, address, narrow, log, child: Mutex::default() };
        hub.restart().await?;
        Ok(hub)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is for those who are to read slowly.
    pub(crate) fn narrow_address(&self) -> SocketAddr {
        self.narrow.address()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it has panicked at any time.
    pub(crate) fn has_panicked(&self) -> std::io::Result<bool> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).contains(PANIC))
    }

    /// How it ended, if it has ended by itself; told once.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().await;
        let status = child.as_mut()?.try_wait().ok()??;
        *child = None;
        Some(status)
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(&self) {
        if let Some(mut child) = self.child.lock().await.take() {
            // It may have ended in this very moment.
            let _ = child.kill().await;
        }
    }

    /// Starts it again. One that ends since Redis is not there is started until it is.
    pub(crate) async fn restart(&self) -> std::io::Result<()> {
        let listen = self.address.to_string();
        let started = async {
            loop {
                let mut command = Command::new(&self.binary);
                command.env_clear().env("ALK_HUB_LOG", "error").kill_on_drop(true);
                command.args(["serve", "--listen", &listen, "--redis", &self.redis, "--queue", QUEUE]);
                let log = File::options().append(true).open(&self.log)?;
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
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

    /// The body of an answer that says 200, if it comes in time.
    async fn get(&self, path: &str) -> Option<String> {
        timeout(ANSWER, self.ask(path)).await.ok()?
    }

    async fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
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
        let tasks = self.stats().await?["tasks"].as_u64()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Cost { rss_kib: number("VmRSS")?, descriptors, threads: number("Threads")?, tasks })
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rss_kib, descriptors, threads, tasks } = self;
        let memory = *rss_kib as f64 / 1024.0;
        write!(f, "{memory:.1} MiB, {descriptors} descriptors, {threads} threads, {tasks} tasks")
    }
}
