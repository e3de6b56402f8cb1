//! Which target keeps which promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::targets::TARGETS;
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
    /// The modules that have reported, and by what name each target was reported by which.
    modules: Vec<String>,
    reported: BTreeMap<String, BTreeSet<String>>,
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
            matrix.add(&module.to_string_lossy(), &fs::read_to_string(&path)?)?;
        }
        Ok(matrix)
    }

    fn add(&mut self, module: &str, text: &str) -> Result<()> {
        self.modules.push(module.to_owned());
        for line in text.lines() {
            let Line { target, check, verdict, why } =
                serde_json::from_str(line).context("a suite has written something else than a result")?;
            self.reported.entry(target.clone()).or_default().insert(module.to_owned());
            let verdicts = self.targets.entry(target).or_default();
            let known = verdicts.entry(check).or_insert_with(|| (verdict.clone(), why.clone()));
            if badness(&verdict) > badness(&known.0) {
                *known = (verdict, why);
            }
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

    /// Fails if a suite of the workspace has not reported at all, or one is missing of which that would not be seen in the sources; if two
    /// go by one name; if a check did not run.
    pub(super) fn is_complete(&self, workspace: &Workspace) -> Result<()> {
        let mut findings = Vec::new();
        let mut finding = |what: &str, which: Vec<String>| {
            if !which.is_empty() {
                findings.push(format!("{what}: {}", which.join(", ")));
            }
        };
        finding("suites that did not run", self.missing_suites(workspace));
        let known = |target: &&str| self.targets.contains_key(*target);
        let missing = TARGETS.iter().filter(|target| !known(target)).map(ToString::to_string);
        finding("targets that are missing", missing.collect());
        let new = self.targets.keys().filter(|target| !TARGETS.contains(&target.as_str())).cloned();
        finding("targets that xtask/src/test/targets.rs does not know", new.collect());
        finding("suites with one name for two targets", self.shared_names());
        finding("checks that did not run", self.holes());
        if findings.is_empty() { Ok(()) } else { bail!("{}", findings.join("; ")) }
    }

    fn missing_suites(&self, workspace: &Workspace) -> Vec<String> {
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
        missing
    }

    fn shared_names(&self) -> Vec<String> {
        let shared = self.reported.iter().filter(|(_, modules)| modules.len() > 1);
        shared
            .map(|(target, modules)| {
                let modules: Vec<_> = modules.iter().map(String::as_str).collect();
                format!("`{target}` of {}", modules.join(" and "))
            })
            .collect()
    }

    /// What some targets have a verdict on and others have not.
    fn holes(&self) -> Vec<String> {
        let checks: BTreeSet<_> = self.targets.values().flat_map(BTreeMap::keys).collect();
        let holes = self.targets.iter().flat_map(|(target, verdicts)| {
            let missing = checks.iter().filter(|check| !verdicts.contains_key(**check));
            missing.map(move |check| format!("{check} of {target}"))
        });
        holes.collect()
    }
}

/// Of two verdicts on the same the worse counts.
fn badness(verdict: &str) -> u8 {
    match verdict {
        "passed" => 0,
        "not applicable" => 1,
        _ => 2,
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
    use super::super::targets::TARGETS;
    use super::{Matrix, suites};
    use crate::tidy::made_up::files;

    fn matrix() -> Matrix {
        let mut matrix = Matrix::default();
        let lines = r#"{"target":"thread","check":"once","verdict":"passed","why":null}
{"target":"thread","check":"block","verdict":"not applicable","why":"cannot wait"}
{"target":"process","check":"once","verdict":"failed","why":null}"#;
        matrix.add("tests.thread", lines).unwrap();
        matrix
    }

    /// Each target that has to be there, with one check.
    fn whole() -> Matrix {
        let mut matrix = Matrix::default();
        for target in TARGETS {
            let line = format!(r#"{{"target":"{target}","check":"once","verdict":"passed","why":null}}"#);
            matrix.add(&format!("tests.{}", target.replace(' ', "_")), &line).unwrap();
        }
        matrix
    }

    fn complaint(matrix: &Matrix, sources: &[(&str, &str)]) -> String {
        matrix.is_complete(&files(sources)).unwrap_err().to_string()
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
        let suite = "\nconformance!(in_process, InProcess);\n";
        assert!(whole().is_complete(&files(&[("a/tests/a.rs", suite)])).is_ok());
        let other = "\nconformance!(\n    #[cfg(unix)]\n    process,\n    Process,\n);\n";
        let error = complaint(&whole(), &[("a/tests/a.rs", other)]);
        assert_eq!(error, "suites that did not run: process of a/tests/a.rs");
    }

    #[test]
    fn a_target_that_no_source_would_tell_of_is_missed() {
        let mut matrix = whole();
        matrix.targets.remove("Redis, a cluster of six");
        assert_eq!(complaint(&matrix, &[]), "targets that are missing: Redis, a cluster of six");
        let mut matrix = whole();
        let line = r#"{"target":"new","check":"once","verdict":"passed","why":null}"#;
        matrix.add("tests.new", line).unwrap();
        let error = complaint(&matrix, &[]);
        assert_eq!(error, "targets that xtask/src/test/targets.rs does not know: new");
    }

    #[test]
    fn two_suites_of_one_name_do_not_hide_each_other() {
        let mut matrix = whole();
        let line = |verdict: &str| {
            format!(r#"{{"target":"host to thread","check":"once","verdict":"{verdict}","why":null}}"#)
        };
        matrix.add("tests.other", &[line("failed"), line("passed")].join("\n")).unwrap();
        assert!(matrix.summary().contains("FAILED once"), "{}", matrix.summary());
        let error = complaint(&matrix, &[]);
        assert_eq!(
            error,
            "suites with one name for two targets: `host to thread` of tests.host_to_thread and tests.other"
        );
    }

    #[test]
    fn a_check_that_one_target_has_left_out_is_missed() {
        let mut matrix = whole();
        let targets = TARGETS.iter().filter(|target| **target != "in process");
        for target in targets {
            let line = format!(r#"{{"target":"{target}","check":"block","verdict":"passed","why":null}}"#);
            matrix.add(&format!("tests.{}", target.replace(' ', "_")), &line).unwrap();
        }
        assert_eq!(complaint(&matrix, &[]), "checks that did not run: block of in process");
    }

    #[test]
    fn the_name_of_a_suite_is_found() {
        let found: Vec<_> = suites("x\nconformance!(a, A);\nconformance! { b, B }").collect();
        assert_eq!(found, ["a", "b"]);
    }
}
