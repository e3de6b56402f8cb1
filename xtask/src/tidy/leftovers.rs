//! Things that were meant to be gone by now.

use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "leftovers",
    holds: "nothing is left half done, switched off, or tied to one machine",
    check: |workspace| Ok(check(workspace)),
};

/// What must not be found, and what is wrong with it. Written in two halves, so that this file does not hold them.
const ANYWHERE: [(&str, &str); 3] = [
    (concat!("TO", "DO"), "says that something is missing; do it, or say it in an issue"),
    (concat!("FIX", "ME"), "says that something is broken; mend it, or say it in an issue"),
    (concat!("XX", "X"), "says that something is odd; explain it, or say it in an issue"),
];

const IN_CODE: [(&str, &str); 4] = [
    (concat!("to", "do!("), "panics where somebody meant to write code"),
    (concat!("unimpl", "emented!("), "panics where somebody meant to write code"),
    (concat!("db", "g!("), "prints what only its author wanted to see"),
    (concat!("#[ig", "nore"), "switches a test off; mend it or remove it"),
];

/// Folders in which people and build machines keep their checkouts.
const HOMES: [&str; 6] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/bui", "lds/"),
    concat!(":\\Us", "ers\\"),
];

fn check(workspace: &Workspace) -> Vec<Finding> {
    let root = workspace.root.to_string_lossy();
    let mut findings = Vec::new();
    for (path, text) in workspace.texts("") {
        for (line, number) in text.lines().zip(1..) {
            let mut found = |what: &str, why: &str| {
                findings.push(Finding::broken(format!("{path}:{number}"), format!("`{what}` {why}")));
            };
            for (needle, why) in ANYWHERE.iter().filter(|(needle, _)| has_word(line, needle)) {
                found(needle, why);
            }
            if path.ends_with(".rs") {
                for (needle, why) in IN_CODE.iter().filter(|(needle, _)| has_word(line, needle)) {
                    found(needle, why);
                }
            }
            let homes = HOMES.iter().copied().chain([&*root]);
            if let Some(home) = homes.into_iter().find(|home| starts_a_path(line, home)) {
                found(home, "is a folder of one machine");
            }
        }
    }
    findings
}

/// Whether `needle` is in the line, and not as a part of a longer word.
fn has_word(line: &str, needle: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let begins = !line[..at].ends_with(is_word);
        let ends = !needle.ends_with(is_word) || !line[at + needle.len()..].starts_with(is_word);
        begins && ends
    })
}

/// Whether a path in the line begins with `folder`: the same letters in the middle of a URL or of a path are harmless.
fn starts_a_path(line: &str, folder: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "._-/}$~".contains(c);
    // Before a drive's colon stands its letter.
    line.match_indices(folder).any(|(at, _)| folder.starts_with(':') || !line[..at].ends_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::{ANYWHERE, HOMES, IN_CODE, check};
    use crate::tidy::made_up::files;

    fn found(path: &str, text: &str) -> usize {
        check(&files(&[(path, text)])).len()
    }

    #[test]
    fn each_leftover_is_found() {
        for (needle, _) in ANYWHERE {
            assert_eq!(found("docs/a.md", &format!("one\n// {needle}: later")), 1, "{needle}");
            assert_eq!(found("docs/a.md", &format!("{needle}S and my{needle}")), 0, "part of another word");
        }
        for (needle, _) in IN_CODE {
            assert_eq!(found("src/a.rs", &format!("    {needle} x)]")), 1, "{needle}");
            assert_eq!(found("docs/a.md", &format!("never write {needle} x)]")), 0, "documents may name it");
        }
    }

    #[test]
    fn paths_of_one_machine_are_found_and_parts_of_urls_are_not() {
        for home in HOMES {
            let drive = if home.starts_with(':') { "C" } else { "" };
            assert_eq!(found("a.toml", &format!("path = \"{drive}{home}me/x\"")), 1, "{home}");
        }
        assert_eq!(found("a.toml", "path = \"/made/up/x\""), 1, "where the workspace is right now");
        assert_eq!(found("a.md", &format!("https://example.org{}page", HOMES[0])), 0);
    }
}
