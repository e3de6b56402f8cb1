//! One server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::binary;
use super::resp::{self, Reply};

/// What a server says when it can be connected to; a sentinel says the second.
const READY: [&str; 2] = ["Ready to accept connections", "Sentinel ID is"];

/// How long anything may take that a server is waited for; a backstop.
const DEADLINE: Duration = Duration::from_secs(60);

/// A single server and its folder; both are gone when it is dropped.
///
/// Methods panic, and so fail the test, when there is no binary to start or the server does not do as it is told within a
/// minute.
#[derive(Debug)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one with further arguments, such as `["--maxmemory", "1mb"]`, and waits until it can be connected to.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let server = Self::prepare();
        let port = server.port.to_string();
        server.launch(["--port", &port].into_iter().chain(arguments.iter().copied()))
    }

    /// A port and a folder, and nothing that runs yet.
    pub(super) fn prepare() -> Self {
        Self { port: free_port(), folder: new_folder(), arguments: Vec::new(), child: Mutex::new(None) }
    }

    /// Starts it with these arguments and no others that say where it listens.
    pub(super) fn launch<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"];
        self.arguments = arguments.into_iter().chain(fixed).map(str::to_owned).collect();
        self.restart();
        self
    }

    /// Starts it again after [`kill`](Self::kill), at the same port and with the same arguments. It has forgotten
    /// everything, users included.
    pub fn restart(&self) {
        let child = Command::new(binary::server())
            .args(&self.arguments)
            .args(["--dir", &self.folder.display().to_string()])
            .stdin(Stdio::null())
            .stdout(fs::File::create(self.folder.join("log")).expect("the folder is ours"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the server's binary can be started");
        *self.child() = Some(child);
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        wait_until(&format!("the server on port {} is up", self.port), || {
            let ended =
                self.child().as_mut().is_none_or(|child| child.try_wait().is_ok_and(|ended| ended.is_some()));
            let log = log();
            assert!(!ended, "the server on port {} has ended: {log}", self.port);
            // Whether it can be connected to would not say that it is this one.
            READY.iter().any(|ready| log.contains(ready))
        });
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it (`SIGSTOP`): it hangs, with all its connections open, until it is told to [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().expect("it runs").to_string();
        // The shell's own `kill`, since not every system has the program.
        let status = Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", signal, &pid]).status();
        assert!(status.expect("there is a shell").success());
    }

    /// Its process, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, in which files may be put.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Makes a user, or makes it another: with a password and the rules of `ACL SETUSER`, such as
    /// `["+@all", "&test:*"]`. What it had before is gone.
    pub fn set_user(&self, name: &str, password: &str, rules: &[&str]) {
        let password = format!(">{password}");
        let begin = ["ACL", "SETUSER", name, "reset", "on", &password];
        self.tell(&[&begin, rules].concat());
    }

    /// Sends it a command on a connection of its own, and returns the answer, which may be an error.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Reply {
        match resp::command(self.port, arguments) {
            Ok(reply) => reply,
            Err(error) => panic!("{arguments:?} on port {}: {error}", self.port),
        }
    }

    /// Whether it says that it is a master. One that is just being made a master hangs up on its clients.
    #[must_use]
    pub fn is_master(&self) -> bool {
        let said = resp::command(self.port, &["INFO", "replication"]);
        said.is_ok_and(|reply| reply.text().contains("role:master"))
    }

    /// Sends it a command that must not fail.
    pub fn tell(&self, arguments: &[&str]) {
        let reply = self.command(arguments);
        assert!(!matches!(reply, Reply::Error(_)), "{arguments:?}: {reply:?}");
    }

    /// Publishes bytes, which may be anything, on a channel; returns how many clients of this server receive them.
    ///
    /// # Panics
    ///
    /// If it does not answer, or with an error.
    pub fn publish(&self, channel: &str, bytes: &[u8]) -> u64 {
        let reply = resp::command(self.port, &[b"PUBLISH", channel.as_bytes(), bytes]);
        let receivers =
            reply.as_ref().ok().and_then(Reply::number).and_then(|count| u64::try_from(count).ok());
        receivers.unwrap_or_else(|| panic!("PUBLISH on port {}: {reply:?}", self.port))
    }

    /// Sends it many commands on one connection, each after the answer to the one before. Whether they succeed is not
    /// looked at.
    pub fn tell_all<'a>(&self, commands: impl Iterator<Item = &'a [&'a str]>) {
        resp::commands(self.port, commands).expect("it answers");
    }

    /// The connections it has but for the one that asks, each as a line of CLIENT LIST.
    #[must_use]
    pub fn clients(&self) -> Vec<String> {
        let list = self.command(&["CLIENT", "LIST"]).text();
        list.lines().filter(|line| !line.contains("cmd=client|list")).map(str::to_owned).collect()
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks again and again, until it is so. Blocks the thread.
///
/// # Panics
///
/// If it is not so after a minute, with what was to be so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A loopback port that nobody listens on now and that was not given out before in this process. It is below those that
/// the system gives to connections, which would take it away before it is used.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other processes begin elsewhere.
    let begin = std::process::id().wrapping_mul(0x9E37_79B1) >> 8;
    loop {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % PORTS).expect("it is below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn new_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("alk-redis-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}
