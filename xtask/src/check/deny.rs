//! The dependencies' licences, versions, sources and vulnerabilities, by cargo-deny and `deny.toml`.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};

use super::report::Outcome;
use crate::cargo::cargo;

/// What depends on nothing but the lock file and `deny.toml`.
pub(super) fn policy(root: &Path) -> Result<Outcome> {
    if !is_installed(root)? {
        return Ok(not_installed());
    }
    deny(root, &["check", "licenses", "bans", "sources"])
}

/// Known vulnerabilities, as far as the list of them can be had: that it is out of reach says nothing about the change.
pub(super) fn advisories(root: &Path) -> Result<Outcome> {
    if !is_installed(root)? {
        return Ok(not_installed());
    }
    match deny(root, &["fetch", "db"])? {
        Outcome::Passed => deny(root, &["check", "--disable-fetch", "advisories"]),
        _ => Ok(Outcome::NotRun("the advisory database could not be reached".to_owned())),
    }
}

fn deny(root: &Path, args: &[&str]) -> Result<Outcome> {
    let status = cargo(root, "deny").args(args).status().context("cannot start cargo")?;
    Ok(Outcome::of(status))
}

fn is_installed(root: &Path) -> Result<bool> {
    let mut version = cargo(root, "deny");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    Ok(version.status().context("cannot start cargo")?.success())
}

fn not_installed() -> Outcome {
    Outcome::NotRun("cargo-deny is not installed (cargo install --locked cargo-deny)".to_owned())
}
