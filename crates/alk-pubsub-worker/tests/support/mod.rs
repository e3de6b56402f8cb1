//! The program that the tests start as a worker: the test binary itself, told by its environment what to be.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::process::Command;
use std::time::Duration;

/// No test waits for longer.
pub const BACKSTOP: Duration = Duration::from_secs(60);

const ROLE: &str = "ALK_PUBSUB_TEST_ROLE";

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BACKSTOP, future).await.expect("it comes in time")
}

/// This test binary, to be run as `role`: it has a test `child_main` that looks at [`role`].
pub fn this_program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test has a program"));
    command.args(["child_main", "--exact", "--nocapture", "--quiet"]).env(ROLE, role);
    // What it prints is of no interest, and its standard output stays its own.
    command.stdout(std::process::Stdio::null());
    command
}

/// What this process is to be, if it is a child.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Waits until something is so, which is looked at again and again up to the backstop.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + BACKSTOP;
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process is there and not merely waiting to be reaped.
#[cfg(target_os = "linux")]
pub fn is_running(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ").map(|(_, rest)| !rest.starts_with(['Z', 'X'])))
        .unwrap_or(false)
}

#[cfg(unix)]
pub fn kill(process: u32, signal: rustix::process::Signal) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
    rustix::process::kill_process(process, signal).expect("it is there");
}
