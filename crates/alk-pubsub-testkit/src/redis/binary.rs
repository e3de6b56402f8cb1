//! Finding the server to start.

use std::env;
use std::path::PathBuf;

/// The binary to start: what `ALK_REDIS_SERVER` names, else `redis-server` or `valkey-server` on `PATH`.
///
/// # Panics
///
/// If there is none: a test that needs a server fails without one.
pub(super) fn server() -> PathBuf {
    if let Some(chosen) = env::var_os("ALK_REDIS_SERVER") {
        return chosen.into();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
    found.expect(
        "no redis-server on PATH: install one (Debian: `apt-get install redis-server redis-sentinel`), or set \
         ALK_REDIS_SERVER to a binary that you have; `cargo xtask test` does it for you",
    )
}
