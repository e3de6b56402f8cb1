//! How cargo is started from here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
///
/// Cargo tells where this crate is when it runs it; what was true at compile time is only the fallback, for a binary
/// that is started by hand.
pub(crate) fn root() -> Result<PathBuf> {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = here.parent().context("xtask has no folder above it")?;
    Ok(root.to_owned())
}

/// A cargo command in the workspace's root, without stdin: nothing here asks questions.
pub(crate) fn cargo(root: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(root).stdin(Stdio::null());
    command
}

/// As [`cargo`], for subcommands that resolve dependencies: where `CI` is set the lock file has to be right already.
pub(crate) fn resolving(root: &Path, subcommand: &str) -> Command {
    let mut command = cargo(root, subcommand);
    if is_ci() {
        command.arg("--locked");
    }
    command
}

/// Runs a command and returns what it wrote to stdout; its stderr is part of the error when it fails.
pub(crate) fn stdout_of(mut command: Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", shown(&command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}): {}",
            shown(&command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} wrote something that is not UTF-8", shown(&command)))
}

/// Where cargo puts what it makes.
pub(crate) fn target_folder(root: &Path) -> Result<PathBuf> {
    let mut command = resolving(root, "metadata");
    command.args(["--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&stdout_of(command)?)?;
    let folder = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    Ok(folder.context("cargo does not say where it puts what it makes")?.into())
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn is_ci() -> bool {
    env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}
