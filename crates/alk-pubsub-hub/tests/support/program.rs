//! The commands that talk to a hub.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::PATIENCE;

/// `alk-hub` with these arguments, nothing to read, and its output kept.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alk-hub"));
    command.env_clear().args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Done {
    /// Nothing went wrong, and it said nothing about it.
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }
}

pub(crate) async fn run(arguments: &[&str]) -> Done {
    ended(program(arguments).spawn().unwrap()).await
}

/// Runs it with this on standard input.
pub(crate) async fn run_with(arguments: &[&str], input: impl AsRef<[u8]>) -> Done {
    let mut child = program(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let give = async move {
        // It may end before it has read all.
        let _ = stdin.write_all(input.as_ref()).await;
    };
    tokio::join!(give, ended(child)).1
}

pub(crate) async fn ended(child: Child) -> Done {
    timeout(PATIENCE, child.wait_with_output()).await.expect("it ends in time").unwrap().into()
}

/// Sends it a signal.
pub(crate) async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap().success());
}
