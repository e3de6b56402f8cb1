//! Finding a Redis server that the tests may start for themselves.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::install;

/// Where the tests learn which binary to start. It may be set beforehand, to test against a particular server.
pub(crate) const VARIABLE: &str = "ALK_REDIS_SERVER";

/// The binaries that will do, the preferred one first.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The server to use: the one that [`VARIABLE`] names, else one on `PATH`, else, if allowed, one that is installed now.
pub(crate) fn locate(may_install: bool) -> Result<PathBuf> {
    if let Some(chosen) = env::var_os(VARIABLE).map(PathBuf::from) {
        if !chosen.is_file() {
            bail!("{VARIABLE} is {}, which is not a file", chosen.display());
        }
        return Ok(chosen);
    }
    if let Some(found) = on_path() {
        return Ok(found);
    }
    if !may_install {
        bail!(
            "no {} on PATH, and --no-install forbids to install one; {}, or set {VARIABLE} to a binary you have",
            NAMES.join(" or "),
            install::advice()
        );
    }
    install::redis_server()?;
    on_path()
        .map_or_else(|| bail!("installed a Redis server, but there is no {} on PATH", NAMES.join(" or ")), Ok)
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    NAMES.iter().find_map(|name| in_folders(&path, name))
}

/// The first file of this name in a `PATH`-like list of folders.
pub(crate) fn in_folders(folders: &OsStr, name: &str) -> Option<PathBuf> {
    env::split_paths(folders).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::path::Path;

    use super::in_folders;

    #[test]
    fn a_program_is_found_in_the_folder_that_has_it_and_nowhere_else() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = env::join_paths([here.join("no-such-folder"), here.to_owned()]).unwrap();
        assert_eq!(in_folders(&folders, "Cargo.toml"), Some(here.join("Cargo.toml")));
        assert_eq!(in_folders(&folders, "src"), None, "a folder is not a program");
        assert_eq!(in_folders(&folders, "no-such-program"), None);
    }
}
