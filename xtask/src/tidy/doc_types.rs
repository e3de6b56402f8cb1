//! Types and paths of Rust that the documents name.

use std::collections::BTreeSet;

use super::markdown::{What, documents, mentions};
use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "doc-types",
    holds: "every type that the documents name occurs in the code",
    check: |workspace| Ok(check(workspace, &FOREIGN)),
};

/// Names that the documents need and that are not ours, each with whose it is. One that nobody needs is a finding.
const FOREIGN: [(&str, &str); 2] = [
    ("EventSource", "what browsers read server-sent events with"),
    ("broadcast", "tokio's channel, which a decision compares with"),
];

fn check(workspace: &Workspace, foreign: &[(&str, &str)]) -> Vec<Finding> {
    let ours: BTreeSet<&str> = workspace
        .texts(".rs")
        .filter(|(path, _)| path.starts_with("crates/"))
        .flat_map(|(_, text)| words(text))
        .collect();
    let mut unused: BTreeSet<&str> = foreign.iter().map(|(name, _)| *name).collect();
    let mut findings = Vec::new();
    for (document, text) in documents(workspace) {
        for mention in mentions(text) {
            let What::Code(code) = &mention.what else { continue };
            for name in rust_names(code) {
                unused.remove(name);
                if !ours.contains(name) && !foreign.iter().any(|(known, _)| *known == name) {
                    let place = format!("{document}:{}", mention.line);
                    findings.push(Finding::broken(place, format!("the code has no `{name}`")));
                }
            }
        }
    }
    findings.extend(unused.into_iter().map(|name| {
        Finding::broken("the rule doc-types", format!("allows `{name}`, which no document needs"))
    }));
    findings
}

/// The names in a piece of code that must be somebody's: all parts of a path, and types by the look of them.
fn rust_names(code: &str) -> Vec<&str> {
    let is_path = code.contains("::");
    words(code).filter(|word| is_path || looks_like_a_type(word)).collect()
}

/// Two humps at least: `PubSub` does, `Redis`, `JSON` and `Last-Event-ID` do not.
fn looks_like_a_type(word: &str) -> bool {
    let humps = word
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase());
    word.starts_with(|c: char| c.is_ascii_uppercase()) && !word.contains('_') && humps.count() >= 2
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::files;

    fn found(text: &str, foreign: &[(&str, &str)]) -> Vec<String> {
        let code = "pub struct PubSub; impl PubSub { pub fn publish() {} }";
        let workspace = files(&[
            ("docs/a.md", text),
            ("crates/a/src/lib.rs", code),
            ("xtask/src/b.rs", "struct NotOurs;"),
        ]);
        check(&workspace, foreign).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_type_that_is_gone_is_found() {
        assert!(found("`PubSub`, `PubSub::publish()`, `Arc<PubSub>`", &[]).is_empty());
        assert_eq!(found("`OldName`", &[]), ["the code has no `OldName`"]);
        assert_eq!(
            found("`NotOurs`", &[]),
            ["the code has no `NotOurs`"],
            "xtask is not what documents are about"
        );
    }

    #[test]
    fn all_parts_of_a_path_must_exist() {
        assert_eq!(found("`PubSub::dispatch`", &[]), ["the code has no `dispatch`"]);
    }

    #[test]
    fn what_is_no_type_is_left_alone() {
        assert!(
            found("`Redis` `JSON` `Cache-Control` `ALK_HUB_LISTEN` `cargo xtask test` OldName", &[])
                .is_empty()
        );
    }

    #[test]
    fn a_foreign_name_is_allowed_only_while_it_is_needed() {
        let foreign = [("EventSource", "of browsers")];
        assert!(found("`EventSource`, and `EventSource` again", &foreign).is_empty());
        assert_eq!(found("nothing", &foreign), ["allows `EventSource`, which no document needs"]);
    }
}
