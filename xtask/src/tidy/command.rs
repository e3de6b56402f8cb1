//! The command itself, and the test that makes `cargo test` run it.

use anyhow::{Result, bail};

use super::rule::{Rule, Severity};
use super::{doc_paths, doc_types, feature_trees, file_length, layering, leftovers, manifests, one_screen};
use crate::workspace::Workspace;

/// Every rule there is, cheap ones first.
const RULES: [Rule; 8] = [
    manifests::RULE,
    layering::RULE,
    one_screen::RULE,
    file_length::RULE,
    leftovers::RULE,
    doc_paths::RULE,
    doc_types::RULE,
    feature_trees::RULE,
];

/// Check what must hold for the workspace as a whole and no compiler looks at.
///
/// Which crate may depend on which; what a feature may not bring along; that module files stay one screen; that the
/// documents name only files and types that exist; that nothing half done is left lying about. Every rule is printed
/// with what it found. The rules are run by `cargo test` and by `cargo xtask check`, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Checks the rules; an error says how many are broken.
pub(crate) fn run(_: &Args) -> Result<()> {
    let workspace = Workspace::load()?;
    let mut broken_rules = 0;
    for rule in &RULES {
        let findings = (rule.check)(&workspace)?;
        let broken = findings.iter().any(|finding| finding.severity == Severity::Broken);
        broken_rules += usize::from(broken);
        println!("{:6}  {:13}  {}", if broken { "BROKEN" } else { "ok" }, rule.name, rule.holds);
        for finding in &findings {
            let notice = if finding.severity == Severity::Notice { "notice: " } else { "" };
            println!("        {notice}{}: {}", finding.place, finding.message);
        }
    }
    if broken_rules > 0 {
        bail!("broken rules: {broken_rules} of {}", RULES.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Args, run};

    #[test]
    fn the_workspace_is_tidy() {
        if let Err(error) = run(&Args {}) {
            panic!("{error:#}; see above, or run `cargo xtask tidy`");
        }
    }
}
