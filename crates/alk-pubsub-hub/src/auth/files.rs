//! Files with secrets in them.

use std::path::Path;

use crate::error::Error;

/// A file's content, and a warning if others on the machine can read it.
pub(super) fn read_secret(path: &Path) -> Result<(Vec<u8>, Option<String>), Error> {
    let content = read(path)?;
    Ok((content, readable_by_others(path)))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let shown = path.display();
    (mode & 0o004 != 0)
        .then(|| format!("everybody on this machine can read {shown}; `chmod 600 {shown}` mends it"))
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Option<String> {
    None
}
