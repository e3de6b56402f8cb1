//! Programs of others with which hubs and spokes are tried: Python's `websockets` and Node's `ws`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::install;
use crate::cargo::shown;

/// What the tests are known to work with.
const WEBSOCKETS: &str = "15.0.1";
const WS: &str = "8.18.3";

/// Gives `tests` a Python and a Node that have these packages, in a folder of their own below `target`. What cannot be had is
/// said here, and missed by the tests that need it.
///
/// Python, Node and npm themselves are installed if that is allowed.
pub(super) fn provide(tests: &mut Command, target: &Path, may_install: bool) {
    if may_install
        && !install::has_languages()
        && let Err(error) = install::languages()
    {
        println!("{error:#}");
    }
    let folder = target.join("peers");
    for (variable, provided) in [("ALK_PYTHON", python(&folder)), ("ALK_NODE_PATH", node(&folder))] {
        match provided {
            Ok(path) => {
                tests.env(variable, path);
            }
            Err(error) => println!("{error:#}"),
        }
    }
}

/// A Python that has `websockets`.
fn python(folder: &Path) -> Result<PathBuf> {
    let folder = folder.join(format!("python-websockets-{WEBSOCKETS}"));
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !succeeds(Command::new(&python).args(["-c", "import websockets"])) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let package = format!("websockets=={WEBSOCKETS}");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]))?;
    }
    Ok(python)
}

/// A folder of modules that has `ws`.
fn node(folder: &Path) -> Result<PathBuf> {
    let folder = folder.join(format!("node-ws-{WS}"));
    let modules = folder.join("node_modules");
    if !succeeds(Command::new("node").args(["-e", "require('ws')"]).env("NODE_PATH", &modules)) {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        run(Command::new(npm)
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(format!("ws@{WS}")))?;
    }
    Ok(modules)
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.stdin(Stdio::null()).status();
    if !status.with_context(|| format!("cannot start {}", shown(command)))?.success() {
        bail!("that failed; tests that need it cannot run: {}", shown(command));
    }
    Ok(())
}
