//! Files that have become long.

use anyhow::{Context, Result};

use super::code_lines;
use super::rule::{Finding, Rule};
use crate::workspace::Workspace;

pub(super) const RULE: Rule = Rule {
    name: "file-length",
    holds: "a file of more than 400 lines of code is worth a look (never broken)",
    check,
};

const LONG: usize = 400;

fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let sources =
        workspace.texts(".rs").filter(|(path, _)| path.contains("/src/") && !path.ends_with("/tests.rs"));
    for (path, text) in sources {
        let lines = code_lines::count(text).with_context(|| path.to_owned())?;
        if lines > LONG {
            findings.push(Finding::notice(
                path,
                format!("{lines} lines of code; is there a second concept in it?"),
            ));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::made_up::files;
    use crate::tidy::rule::Severity;

    #[test]
    fn a_long_file_is_a_notice_and_tests_may_be_long() {
        let short = "mod a;\n".repeat(400);
        let long = "mod a;\n".repeat(401);
        let workspace = files(&[("a/src/a.rs", &long), ("a/src/b.rs", &short), ("a/src/tests.rs", &long)]);
        let found = check(&workspace).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].place.as_str(), found[0].severity), ("a/src/a.rs", Severity::Notice));
    }
}
