//! The command itself: which checks there are, in which order.

use anyhow::Result;

use super::report::{Outcome, Report};
use super::{deny, lint};
use crate::cargo::cargo;
use crate::tidy;
use crate::workspace::Workspace;

/// Check everything about a change that is not a test.
///
/// Formatting; clippy and rustdoc without a warning; clippy again for every crate with each of its features alone and
/// with none; that the fuzz targets compile; the rules of `cargo xtask tidy`; and, where cargo-deny is installed, the licences, versions, sources and
/// known vulnerabilities of all dependencies.
///
/// A step that fails does not keep the others from running. A table at the end says how each went and how long it
/// took; the command fails if one of them did. What could not be run on this machine is said, and is no failure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the checks; an error says how many failed.
pub(crate) fn run(_: &Args) -> Result<()> {
    let workspace = Workspace::load()?;
    let root = &workspace.root;
    let mut report = Report::default();

    let mut format = cargo(root, "fmt");
    format.args(["--all", "--check"]);
    report.command("fmt", format);

    report.command("clippy", lint::everything(root));
    for (name, command) in lint::feature_by_feature(&workspace) {
        report.command(&name, command);
    }
    report.command("fuzz targets", lint::fuzz_targets(root));
    report.command("doc", lint::documentation(root));
    report.step("tidy", || tidy::run(&tidy::Args {}).map(|()| Outcome::Passed));
    report.step("deny", || deny::policy(root));
    report.step("deny advisories", || deny::advisories(root));

    report.finish()
}
