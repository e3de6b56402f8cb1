//! Which crate may depend on which.

use super::rule::{Finding, Rule};
use crate::workspace::{DependencyKind, Workspace};

pub(super) const RULE: Rule = Rule {
    name: "layering",
    holds: "a crate depends only on floors below it, and nobody but the hub on the facade",
    check: |workspace| Ok(check(workspace)),
};

/// The floors, ground floor first. A crate may depend on any that stands before it. Its tests may use others too: a
/// client is tested against the server.
const FLOORS: [&str; 12] = [
    "alk-pubsub-core",
    "alk-pubsub-link",
    "alk-pubsub-redis",
    "alk-pubsub-ws-client",
    "alk-pubsub-ws-server",
    "alk-pubsub-sse",
    "alk-pubsub-worker",
    FACADE,
    TESTKIT,
    HUB,
    "alk-pubsub-soak",
    "alk-pubsub-bench",
];

const FACADE: &str = "alk-pubsub";
const HUB: &str = "alk-pubsub-hub";
const TESTKIT: &str = "alk-pubsub-testkit";
/// Has to compile while nothing else does, so it stands beside the house.
const OUTSIDE: &str = "xtask";

fn check(workspace: &Workspace) -> Vec<Finding> {
    let floor_of = |name: &str| FLOORS.iter().position(|&floor| floor == name);
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let name = package.name.as_str();
        let floor = floor_of(name);
        if floor.is_none() && name != OUTSIDE {
            findings.push(Finding::broken(name, "stands on no floor; give it one in the rule `layering`"));
            continue;
        }
        let siblings = package.dependencies.iter().filter(|dependency| {
            workspace.package(&dependency.name).is_some() || floor_of(&dependency.name).is_some()
        });
        for sibling in siblings {
            let used = sibling.name.as_str();
            let in_tests = sibling.kind == Some(DependencyKind::Dev) && floor.is_some();
            let verdict = if used == FACADE && name != HUB {
                Err("depends on the facade, which only the hub may")
            } else if in_tests {
                Ok(())
            } else if floor_of(used) >= floor {
                Err("depends on a crate that is not below it")
            } else {
                Ok(())
            };
            if let Err(reason) = verdict {
                findings.push(Finding::broken(name, format!("{reason}: {used}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::{package, packages};
    use crate::workspace::{DependencyKind, Package};

    fn messages<const N: usize>(made_up: [Package; N]) -> Vec<String> {
        check(&packages(made_up)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn core_depends_on_no_sibling_but_tests_may_use_others() {
        let testkit = ("alk-pubsub-testkit", Some(DependencyKind::Dev));
        assert!(messages([package("alk-pubsub-core", &[testkit, ("serde", None)])]).is_empty());
        let server = ("alk-pubsub-ws-server", Some(DependencyKind::Dev));
        assert!(messages([package("alk-pubsub-ws-client", &[server])]).is_empty());
        assert_eq!(messages([package("alk-pubsub-core", &[("alk-pubsub-testkit", None)])]).len(), 1);
        assert_eq!(messages([package("alk-pubsub-core", &[("alk-pubsub-link", None)])]).len(), 1);
    }

    #[test]
    fn nobody_but_the_hub_depends_on_the_facade() {
        assert!(messages([package("alk-pubsub-hub", &[("alk-pubsub", None)])]).is_empty());
        let dev = ("alk-pubsub", Some(DependencyKind::Dev));
        assert_eq!(messages([package("alk-pubsub-testkit", &[dev])]).len(), 1);
        assert_eq!(messages([package("alk-pubsub-sse", &[("alk-pubsub", None)])]).len(), 1);
    }

    #[test]
    fn dependencies_point_down() {
        assert!(messages([package("alk-pubsub-sse", &[("alk-pubsub-core", None)])]).is_empty());
        let found = messages([package("alk-pubsub-link", &[("alk-pubsub-sse", None)])]);
        assert_eq!(found, ["depends on a crate that is not below it: alk-pubsub-sse"]);
    }

    #[test]
    fn xtask_depends_on_no_sibling() {
        assert!(messages([package("xtask", &[("clap", None)])]).is_empty());
        assert_eq!(messages([package("xtask", &[("alk-pubsub-core", None)])]).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_thought_of_is_found() {
        assert_eq!(messages([package("alk-pubsub-extra", &[])]).len(), 1);
    }
}
