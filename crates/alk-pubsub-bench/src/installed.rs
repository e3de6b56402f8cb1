//! Programs of others that are measured where they are installed.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Servers are often in a folder that only administrators look into.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Says that one is not there.
pub(crate) fn say_missing(name: &str, why: &str) {
    println!("\nmissing, and so not measured: {name} ({why})");
}

/// One on which nobody listens now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port())
}

/// Waits until somebody listens there.
#[allow(
    clippy::disallowed_methods,
    reason = "it is called before anything runs on the runtime of this thread"
)]
pub(crate) fn until_it_listens(port: u16) -> Result<()> {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(10), "it does not listen on its port");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
