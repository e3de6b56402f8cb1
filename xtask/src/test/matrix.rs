//! Which target keeps which promise.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo;
use crate::workspace::Workspace;

/// Names the folder for results to the suite in alk-pubsub-testkit.
pub(super) const VARIABLE: &str = "ALK_CONFORMANCE_RESULTS";

/// What came of one check on one target.
#[derive(Debug, Deserialize)]
struct Line {
    target: String,
    check: String,
    verdict: String,
    why: Option<String>,
}

/// Verdicts by target and check.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    targets: BTreeMap<String, BTreeMap<String, (String, Option<String>)>>,
    /// The modules that have reported.
    modules: Vec<String>,
}

/// An empty folder for results.
pub(super) fn folder(root: &Path) -> Result<PathBuf> {
    let folder = cargo::target_folder(root)?.join("conformance");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

impl Matrix {
    /// Reads what the suites have written.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut matrix = Self::default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(module) =
                path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "jsonl"))
            else {
                continue;
            };
            matrix.modules.push(module.to_string_lossy().into_owned());
            matrix.add(&fs::read_to_string(&path)?)?;
        }
        Ok(matrix)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            let Line { target, check, verdict, why } =
                serde_json::from_str(line).context("a suite has written something else than a result")?;
            self.targets.entry(target).or_default().insert(check, (verdict, why));
        }
        Ok(())
    }

    /// Writes the whole of it to a file and prints how many are what, and all that did not pass.
    pub(super) fn print(&self, folder: &Path) -> Result<()> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let path = folder.join("matrix.md");
        fs::write(&path, self.table())?;
        println!("\npromises kept, by target; all of it in {}", path.display());
        print!("{}", self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let mut out = String::new();
        let width = self.targets.keys().map(String::len).max().unwrap_or(0);
        // Targets of which the same is not applicable for the same reasons share a line.
        let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (target, checks) in &self.targets {
            let count = |what: &str| checks.values().filter(|(verdict, _)| verdict == what).count();
            let (passed, not, failed) = (count("passed"), count("not applicable"), count("failed"));
            let _ = writeln!(out, "{target:<width$}  {passed} passed, {not} n.a., {failed} failed");
            for (check, (verdict, why)) in checks {
                match verdict.as_str() {
                    "failed" => {
                        let _ = writeln!(out, "    FAILED {check}");
                    }
                    "not applicable" => {
                        reasons.entry((check, why.as_deref().unwrap_or_default())).or_default().push(target);
                    }
                    _ => {}
                }
            }
        }
        for ((check, why), targets) in reasons {
            let _ = writeln!(out, "n.a. {check} ({why}): {}", targets.join(", "));
        }
        out
    }

    /// A row for each check, a column for each target.
    fn table(&self) -> String {
        let mut out = String::from("| check |");
        for target in self.targets.keys() {
            let _ = write!(out, " {target} |");
        }
        out.push_str("\n| --- |");
        out.push_str(&" --- |".repeat(self.targets.len()));
        let mut checks: Vec<_> = self.targets.values().flat_map(BTreeMap::keys).collect();
        checks.sort_unstable();
        checks.dedup();
        for check in checks {
            let _ = write!(out, "\n| {check} |");
            for verdicts in self.targets.values() {
                let verdict = match verdicts.get(check) {
                    None => "did not run",
                    Some((verdict, _)) if verdict == "not applicable" => "n.a.",
                    Some((verdict, _)) => verdict,
                };
                let _ = write!(out, " {verdict} |");
            }
        }
        out.push('\n');
        out
    }

    /// Fails if a suite of the workspace has not reported at all.
    pub(super) fn is_complete(&self, workspace: &Workspace) -> Result<()> {
        let mut missing = Vec::new();
        for (path, text) in workspace.texts(".rs") {
            // The suite's own sources show how it is used.
            if path.starts_with("xtask/") || path.starts_with("crates/alk-pubsub-testkit/src/") {
                continue;
            }
            for suite in suites(text) {
                let end = format!(".{suite}");
                if !self.modules.iter().any(|module| module.ends_with(&end) || *module == suite) {
                    missing.push(format!("{suite} of {path}"));
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { bail!("suites that did not run: {}", missing.join(", ")) }
    }
}

/// The names of the modules that a file makes by `conformance!(name, …)`.
fn suites(text: &str) -> impl Iterator<Item = String> {
    text.split("\nconformance!").skip(1).filter_map(|rest| {
        let mut rest = rest.strip_prefix(['(', '{', ' '])?.trim_start_matches(['{', ' ', '\n']);
        while let Some(attribute) = rest.strip_prefix("#[") {
            rest = attribute.split_once("]\n").map_or("", |(_, rest)| rest.trim_start());
        }
        Some(rest.split_once(',')?.0.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Matrix, suites};
    use crate::tidy::made_up::files;

    fn matrix() -> Matrix {
        let mut matrix = Matrix { modules: vec!["tests.thread".to_owned()], ..Matrix::default() };
        let lines = r#"{"target":"thread","check":"once","verdict":"passed","why":null}
{"target":"thread","check":"block","verdict":"not applicable","why":"cannot wait"}
{"target":"process","check":"once","verdict":"failed","why":null}"#;
        matrix.add(lines).unwrap();
        matrix
    }

    #[test]
    fn what_did_not_pass_is_said() {
        let summary = matrix().summary();
        assert!(summary.contains("thread   1 passed, 1 n.a., 0 failed\n"), "{summary}");
        assert!(summary.contains("process  0 passed, 0 n.a., 1 failed\n    FAILED once\n"), "{summary}");
        assert!(summary.contains("n.a. block (cannot wait): thread\n"), "{summary}");
        assert!(matrix().table().contains("| block | did not run | n.a. |\n"), "{}", matrix().table());
    }

    #[test]
    fn a_suite_that_says_nothing_is_missed() {
        let suite = "\nconformance!(thread, Thread);\n";
        assert!(matrix().is_complete(&files(&[("a/tests/a.rs", suite)])).is_ok());
        let other = "\nconformance!(\n    #[cfg(unix)]\n    process,\n    Process,\n);\n";
        let error = matrix().is_complete(&files(&[("a/tests/a.rs", other)])).unwrap_err().to_string();
        assert_eq!(error, "suites that did not run: process of a/tests/a.rs");
    }

    #[test]
    fn the_name_of_a_suite_is_found() {
        let found: Vec<_> = suites("x\nconformance!(a, A);\nconformance! { b, B }").collect();
        assert_eq!(found, ["a", "b"]);
    }
}
