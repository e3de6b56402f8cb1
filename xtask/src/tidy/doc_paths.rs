//! Files and folders that the documents name.

use super::markdown::{What, documents, mentions};
use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "doc-paths",
    holds: "every file that the documents name or link to exists",
    check: |workspace| Ok(check(workspace)),
};

fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (document, text) in documents(workspace) {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for mention in mentions(text) {
            let (path, exists) = match &mention.what {
                // In backticks a path is one that is relative to where the reader is, or to the root.
                What::Code(code) if looks_like_a_path(code) => {
                    (code, exists(workspace, "", code) || exists(workspace, folder, code))
                }
                What::Link(link) if is_relative(link) => {
                    let (path, _) = link.split_once('#').unwrap_or((link, ""));
                    (link, path.is_empty() || exists(workspace, folder, path))
                }
                What::Code(_) | What::Link(_) => continue,
            };
            if !exists {
                findings.push(Finding::broken(
                    format!("{document}:{}", mention.line),
                    format!("there is no {path}"),
                ));
            }
        }
    }
    findings
}

/// Several parts, the last of them with an extension, and nothing in it that a path of this workspace does not have.
fn looks_like_a_path(code: &str) -> bool {
    let Some((folders, file)) = code.rsplit_once('/') else { return false };
    let has_extension =
        file.rsplit_once('.').is_some_and(|(_, end)| end.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !folders.is_empty() && !code.starts_with('/') && has_extension && code.chars().all(is_plain)
}

fn is_relative(link: &str) -> bool {
    !link.starts_with('/') && !link.contains("://") && !link.starts_with("mailto:")
}

/// Whether there is such a file, or a folder with a file in it.
fn exists(workspace: &Workspace, folder: &str, path: &str) -> bool {
    let Some(wanted) = normal(folder, path) else { return false };
    let as_folder = format!("{wanted}/");
    wanted.is_empty()
        || workspace.files.iter().any(|file| file.path == wanted || file.path.starts_with(&as_folder))
}

/// The path from the root, without `.` and `..`; `None` if it leads out of the workspace.
fn normal(folder: &str, path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::files;

    fn found(document: &str, text: &str) -> Vec<String> {
        let workspace = files(&[(document, text), ("docs/b.md", ""), ("crates/a/src/lib.rs", "")]);
        check(&workspace).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn links_are_followed_from_the_document() {
        assert!(
            found("docs/a.md", "[b](b.md#part) [root](../README.md/..) [src](../crates/a/) [here](#x)")
                .is_empty()
        );
        assert_eq!(found("docs/a.md", "[c](c.md)"), ["there is no c.md"]);
        assert_eq!(found("README.md", "[b](b.md)"), ["there is no b.md"]);
        assert_eq!(found("README.md", "[out](../x/b.md)"), ["there is no ../x/b.md"]);
        assert!(found("README.md", "[out](https://example.org/x.md) [me](mailto:a@example.org)").is_empty());
    }

    #[test]
    fn paths_in_backticks_are_looked_for_from_the_root_and_from_the_document() {
        assert!(found("docs/a.md", "`crates/a/src/lib.rs` and `./b.md`").is_empty());
        assert_eq!(found("docs/a.md", "`crates/a/src/gone.rs`"), ["there is no crates/a/src/gone.rs"]);
    }

    #[test]
    fn what_only_resembles_a_path_is_left_alone() {
        let text = "`GET /events` `application/json` `/etc/x.conf` `ws://127.0.0.1:7400/ws` `a/*.rs` `and/or` `x.md`";
        assert!(found("README.md", text).is_empty());
    }
}
