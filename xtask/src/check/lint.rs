//! Compilers' opinions: clippy and rustdoc, and no warning is let pass.

use std::path::Path;
use std::process::Command;

use crate::cargo::resolving;
use crate::workspace::{Package, Workspace};

/// Clippy on all there is, with all features.
pub(super) fn everything(root: &Path) -> Command {
    let mut command = resolving(root, "clippy");
    command.args(["--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"]);
    command
}

/// The fuzz targets, which are a workspace of their own: they compile with the code as it is now.
pub(super) fn fuzz_targets(root: &Path) -> Command {
    let mut command = resolving(root, "check");
    command.args(["--bins", "--manifest-path"]).arg(root.join("fuzz/Cargo.toml"));
    command
}

/// Documentation of all there is, private links and all.
pub(super) fn documentation(root: &Path) -> Command {
    let mut command = resolving(root, "doc");
    command.args(["--workspace", "--all-features", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    command
}

/// Clippy on each crate by itself: with no feature, and with each of its features alone.
///
/// A crate that is built together with its siblings sees the features that they turn on in common dependencies, and
/// so it may lack one of its own without anybody noticing.
pub(super) fn feature_by_feature(workspace: &Workspace) -> Vec<(String, Command)> {
    let mut commands = Vec::new();
    for package in &workspace.packages {
        commands.push(alone(&workspace.root, package, None));
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            commands.push(alone(&workspace.root, package, Some(feature)));
        }
    }
    commands
}

fn alone(root: &Path, package: &Package, feature: Option<&str>) -> (String, Command) {
    let mut command = resolving(root, "clippy");
    command.args(["--package", &package.name, if package.has_lib() { "--lib" } else { "--bins" }]);
    command.arg("--no-default-features");
    if let Some(feature) = feature {
        command.args(["--features", feature]);
    }
    command.args(["--", "--deny", "warnings"]);
    (format!("clippy {} [{}]", package.name, feature.unwrap_or_default()), command)
}

#[cfg(test)]
mod tests {
    use super::feature_by_feature;
    use crate::cargo::shown;
    use crate::workspace::{Package, Target, Workspace};

    #[test]
    fn each_feature_gets_a_run_of_its_own_and_so_does_having_none() {
        let package = Package {
            name: "a".to_owned(),
            features: ["default", "x", "y"].map(|name| (name.to_owned(), Vec::new())).into(),
            targets: vec![Target { kind: vec!["lib".to_owned()] }],
            ..Package::default()
        };
        let workspace = Workspace { root: "/".into(), packages: vec![package], files: Vec::new() };
        let commands = feature_by_feature(&workspace);
        let names: Vec<_> = commands.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["clippy a []", "clippy a [x]", "clippy a [y]"]);
        let line = shown(&commands[1].1);
        assert!(
            line.ends_with("--package a --lib --no-default-features --features x -- --deny warnings"),
            "{line}"
        );
    }
}
