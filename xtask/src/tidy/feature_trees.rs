//! What turning on a feature of the facade must not bring along.

use std::collections::BTreeSet;

use anyhow::Result;

use super::rule::{Finding, Rule};
use crate::cargo;
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "feature-trees",
    holds: "a feature of the facade brings along no dependency of another, and none brings almost nothing",
    check,
};

const FACADE: &str = "alk-pubsub";

/// Crates of the bare facade, itself included.
const AT_MOST: usize = 40;

const AXUM: &[&str] = &["axum", "axum-core"];
const FRED: &[&str] = &["fred"];
const HYPER: &[&str] = &["hyper", "hyper-util"];
const TUNGSTENITE: &[&str] = &["tungstenite", "tokio-tungstenite"];

/// Each feature with what it must keep away. `default` turns on nothing, so its tree is the bare one.
const ABSENT: [(&str, &[&[&str]]); 9] = [
    ("default", &[AXUM, FRED, HYPER, TUNGSTENITE]),
    ("metrics", &[AXUM, FRED, HYPER, TUNGSTENITE]),
    ("msgpack", &[AXUM, FRED, HYPER, TUNGSTENITE]),
    ("redis", &[AXUM, HYPER, TUNGSTENITE]),
    ("sse", &[FRED, TUNGSTENITE]),
    ("tls", &[AXUM, FRED, HYPER, TUNGSTENITE]),
    ("worker", &[AXUM, FRED, HYPER, TUNGSTENITE]),
    ("ws-client", &[AXUM, FRED]),
    ("ws-server", &[FRED]),
];

/// Everything at once: nothing to keep away.
const ALL: &str = "full";

fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let Some(facade) = workspace.package(FACADE) else {
        return Ok(vec![Finding::broken(FACADE, "there is no such crate")]);
    };
    let bare = tree(workspace, &[])?;
    let mut findings = judge("default", &bare);
    if bare.len() > AT_MOST {
        let count = bare.len();
        findings.push(Finding::broken(
            FACADE,
            format!("{count} crates without any feature; {AT_MOST} are the limit"),
        ));
    }
    for (feature, enables) in &facade.features {
        match feature.as_str() {
            ALL => {}
            "default" if enables.is_empty() => {}
            "default" => findings.push(Finding::broken(FACADE, "its default features are not none")),
            feature => findings.extend(judge(feature, &tree(workspace, &["--features", feature])?)),
        }
    }
    Ok(findings)
}

/// What is in the tree of a feature and should not be.
fn judge(feature: &str, tree: &BTreeSet<String>) -> Vec<Finding> {
    let place = format!("{FACADE} [{feature}]");
    let Some((_, absent)) = ABSENT.iter().find(|(known, _)| *known == feature) else {
        return vec![Finding::broken(place, "say in the rule `feature-trees` what this feature keeps away")];
    };
    let present = absent.iter().copied().flatten().filter(|name| tree.contains(**name));
    present.map(|name| Finding::broken(&place, format!("depends on {name}"))).collect()
}

/// The names of all crates that the facade needs with these arguments, itself included.
fn tree(workspace: &Workspace, features: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = cargo::resolving(&workspace.root, "tree");
    command.args(["--package", FACADE, "--no-default-features", "--edges", "normal"]);
    command.args(["--prefix", "none", "--format", "{p}"]).args(features);
    Ok(names(&cargo::stdout_of(command)?))
}

fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{check, judge, names};
    use crate::tidy::made_up::packages;

    const TREE: &str = "alk-pubsub v0.1.0 (/somewhere)\naxum v0.8.9\nbytes v1.11.1\nbytes v1.11.1 (*)\n";

    #[test]
    fn a_tree_is_read_by_its_names() {
        assert_eq!(names(TREE).into_iter().collect::<Vec<_>>(), ["alk-pubsub", "axum", "bytes"]);
    }

    #[test]
    fn a_dependency_of_another_feature_is_found() {
        assert!(judge("sse", &names(TREE)).is_empty());
        assert_eq!(judge("default", &names(TREE))[0].message, "depends on axum");
        assert_eq!(judge("redis", &names(TREE))[0].message, "depends on axum");
        assert_eq!(judge("sse", &names("fred v10.1.0\ntokio-tungstenite v0.29.0")).len(), 2);
    }

    #[test]
    fn a_feature_that_nobody_thought_of_is_found() {
        assert_eq!(judge("nats", &names("")).len(), 1);
    }

    #[test]
    fn a_workspace_without_the_facade_is_not_tidy() {
        assert_eq!(check(&packages([])).unwrap().len(), 1);
    }
}
