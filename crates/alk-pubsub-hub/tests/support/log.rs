//! Logs: what the hub writes, and what others wrote.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::PATIENCE;

/// The lines that a program writes on standard error.
pub(crate) struct Log(broadcast::Receiver<String>);

impl Log {
    /// Reads it to its end, whoever listens.
    pub(super) fn of(stderr: ChildStderr) -> Self {
        let (sender, receiver) = broadcast::channel(1024);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // Nobody needs to listen.
                let _ = sender.send(line);
            }
        });
        Self(receiver)
    }

    pub(super) fn resubscribe(&self) -> Self {
        Self(self.0.resubscribe())
    }

    /// The next line that contains this.
    pub(crate) async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line =
                timeout(PATIENCE, self.0.recv()).await.expect("a line in time").expect("a log that goes on");
            if line.contains(text) {
                return line;
            }
        }
    }
}

/// Where there may be a log, or something like one.
const LOGS: [&str; 3] = ["/var/log/dpkg.log", "/var/lib/dpkg/status", "/lib/apk/db/installed"];

/// So many lines that somebody else wrote: of logs of this machine, or else of this project's sources; from the beginning
/// again where there are too few.
pub(crate) fn real_lines(count: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for log in LOGS {
        if let Ok(log) = std::fs::read(log) {
            lines.extend(String::from_utf8_lossy(&log).lines().map(str::to_owned));
        }
    }
    if lines.len() < count {
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &mut lines);
    }
    assert!(!lines.is_empty());
    lines.into_iter().cycle().take(count).collect()
}

fn sources(folder: &Path, lines: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, lines);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            lines.extend(std::fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
}
