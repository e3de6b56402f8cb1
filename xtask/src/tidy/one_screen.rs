//! `lib.rs` and `mod.rs` are tables of contents.

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Block, ItemUse, UseTree, Visibility};

use super::code_lines;
use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "one-screen",
    holds: "lib.rs and mod.rs are one screen, re-export names and no globs, and hold no code that runs",
    check,
};

/// Lines of code. With its documentation such a file may well be longer.
const SCREEN: usize = 60;

fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let contents = ["/lib.rs", "/mod.rs"].into_iter().flat_map(|name| workspace.texts(name));
    for (path, text) in contents.filter(|(path, _)| path.contains("/src/")) {
        let lines = code_lines::count(text).with_context(|| path.to_owned())?;
        if lines > SCREEN {
            findings.push(Finding::broken(path, format!("{lines} lines of code; a screen has {SCREEN}")));
        }
        let mut reader = Reader { path, findings: &mut findings };
        reader.visit_file(&syn::parse_file(text).with_context(|| path.to_owned())?);
    }
    Ok(findings)
}

struct Reader<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn found(&mut self, line: usize, message: &str) {
        self.findings.push(Finding::broken(format!("{}:{line}", self.path), message));
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_block(&mut self, block: &'ast Block) {
        self.found(block.brace_token.span.open().start().line, "code that runs; give it a file of its own");
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !matches!(item.vis, Visibility::Inherited) && has_glob(&item.tree) {
            self.found(item.use_token.span.start().line, "re-exports with a glob; name what is exported");
        }
        visit::visit_item_use(self, item);
    }
}

fn has_glob(tree: &UseTree) -> bool {
    match tree {
        UseTree::Glob(_) => true,
        UseTree::Path(path) => has_glob(&path.tree),
        UseTree::Group(group) => group.items.iter().any(has_glob),
        UseTree::Name(_) | UseTree::Rename(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::files;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(&files(&[(path, text)])).unwrap().into_iter().map(|finding| finding.place).collect()
    }

    const LIB: &str = "crates/a/src/lib.rs";

    #[test]
    fn a_table_of_contents_passes() {
        let text = "//! Docs.\n\nmod a;\nmod b;\n\npub use a::{A, Other as B};\npub use b::C;\n";
        assert!(places(LIB, text).is_empty());
    }

    #[test]
    fn a_glob_is_found_wherever_it_hides() {
        assert_eq!(places(LIB, "pub use a::*;"), ["crates/a/src/lib.rs:1"]);
        assert_eq!(places(LIB, "\npub(crate) use a::{b, c::*};"), ["crates/a/src/lib.rs:2"]);
        assert!(places(LIB, "use a::*;").is_empty(), "an import is nobody else's business");
    }

    #[test]
    fn code_is_found_in_functions_methods_and_defaults() {
        assert_eq!(places(LIB, "fn f() {}").len(), 1);
        assert_eq!(places(LIB, "impl A { fn f() {} fn g() {} }").len(), 2);
        assert_eq!(places(LIB, "trait A { fn f(); fn g() {} }").len(), 1);
    }

    #[test]
    fn more_than_a_screen_is_found_and_comments_are_free() {
        let modules = |count| "// why\nmod a;\n".repeat(count);
        assert!(places(LIB, &modules(60)).is_empty());
        assert_eq!(places(LIB, &modules(61)), [LIB]);
    }

    #[test]
    fn other_files_may_hold_what_they_like() {
        assert!(places("crates/a/src/a.rs", "fn f() {}").is_empty());
        assert!(places("crates/a/tests/common/mod.rs", "fn f() {}").is_empty());
    }
}
