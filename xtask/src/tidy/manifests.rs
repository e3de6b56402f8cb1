//! What every manifest must say.

use anyhow::{Context, Result};
use toml::Table;

use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "manifests",
    holds: "a crate bears its folder's name, says what it is, and takes lints and licence from the workspace",
    check,
};

fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let folder = workspace.folder_of(package);
        if folder.rsplit('/').next() != Some(&package.name) {
            findings
                .push(Finding::broken(&folder, format!("holds a crate of another name: {}", package.name)));
        }
        if package.description.as_deref().unwrap_or_default().trim().is_empty() {
            findings.push(Finding::broken(&package.name, "has no description"));
        }
        let path = format!("{folder}/Cargo.toml");
        let (_, text) = workspace.texts(&path).next().with_context(|| format!("there is no {path}"))?;
        let manifest: Table = text.parse().with_context(|| format!("cannot read {path}"))?;
        if !inherits(manifest.get("lints")) {
            findings.push(Finding::broken(
                &path,
                "does not take the workspace's lints: [lints] workspace = true",
            ));
        }
        if !inherits(manifest.get("package").and_then(|package| package.get("license"))) {
            findings.push(Finding::broken(
                &path,
                "does not take the workspace's licence: license.workspace = true",
            ));
        }
    }
    Ok(findings)
}

fn inherits(value: Option<&toml::Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::{files, package};
    use crate::workspace::Workspace;

    fn with_manifest(text: &str) -> Workspace {
        let mut workspace = files(&[("crates/a/Cargo.toml", text)]);
        workspace.packages.push(package("a", &[]));
        workspace
    }

    #[test]
    fn a_complete_manifest_passes() {
        let workspace = with_manifest("[package]\nlicense.workspace = true\n[lints]\nworkspace = true");
        assert_eq!(check(&workspace).unwrap(), []);
    }

    #[test]
    fn what_is_not_taken_from_the_workspace_is_found() {
        let workspace = with_manifest("[package]\nlicense = 'MIT'\n[lints]\nworkspace = false");
        assert_eq!(check(&workspace).unwrap().len(), 2);
    }

    #[test]
    fn another_name_and_a_missing_description_are_found() {
        let mut workspace = with_manifest("[package]\nlicense.workspace = true\n[lints]\nworkspace = true");
        let package = &mut workspace.packages[0];
        package.name = "b".to_owned();
        package.description = Some(" ".to_owned());
        assert_eq!(check(&workspace).unwrap().len(), 2);
    }
}
