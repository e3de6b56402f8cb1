//! One target's run.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// The largest input, in bytes: larger ones find nothing that smaller ones do not, and take their time.
const LARGEST: u32 = 4096;
/// How many seconds one input may take before it counts as a hang.
const HANG: u32 = 20;

/// A target that is about to run.
pub(super) struct Session {
    command: Command,
}

/// How it went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How many inputs were tried.
    inputs: u64,
    /// How many places in the code they reached.
    places: u64,
    /// How many inputs are kept since each reaches something that no other does.
    kept: u64,
    /// The file that holds the input that broke something.
    pub(super) broke: Option<PathBuf>,
}

impl Session {
    pub(super) fn new(root: &Path, target: &str, seconds: u32) -> Result<Self> {
        let found = cargo::target_folder(root)?.join("fuzz-corpus").join(target);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        // CARGO, which this command was started by, is the stable one.
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir", "fuzz", target]);
        command.arg(found).arg(format!("fuzz/corpus/{target}"));
        command.arg("--").args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={LARGEST}"),
            format!("-timeout={HANG}"),
            "-print_final_stats=1".to_owned(),
        ]);
        command.current_dir(root).stdin(Stdio::null()).stderr(Stdio::piped());
        Ok(Self { command })
    }

    /// Runs it, hands on what it says, and reads the numbers from that.
    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut child = self.command.spawn().context("cannot start rustup")?;
        let said = BufReader::new(child.stderr.take().context("rustup has no stderr")?);
        let mut outcome = Outcome::default();
        for line in said.split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            outcome.read_line(&line);
        }
        let status = child.wait()?;
        if !status.success() && outcome.broke.is_none() {
            bail!("it did not run ({status}): see its last lines above");
        }
        Ok(outcome)
    }
}

impl Outcome {
    /// Takes from a line of libFuzzer what it says about numbers.
    fn read_line(&mut self, line: &str) {
        let number_after = |what: &str| -> Option<u64> {
            let (_, rest) = line.split_once(what)?;
            let rest = rest.trim_start();
            let digits = rest.find(|one: char| !one.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse().ok()
        };
        if line.starts_with('#') {
            self.places = number_after("cov:").unwrap_or(self.places);
            self.kept = number_after("corp:").unwrap_or(self.kept);
        }
        self.inputs = number_after("stat::number_of_executed_units:").unwrap_or(self.inputs);
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.broke = Some(path.trim().into());
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inputs, places, kept, broke } = self;
        write!(f, "{inputs} inputs, {places} places reached, {kept} inputs kept")?;
        match broke {
            None => f.write_str(", nothing broke"),
            Some(path) => write!(f, ", BROKEN by {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn the_numbers_are_those_of_the_last_lines() {
        let said = "\
INFO: Loaded 1 modules
#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb
#46685\tDONE   cov: 3503 ft: 6313 corp: 592/35Kb lim: 117 exec/s: 3591 rss: 198Mb
stat::number_of_executed_units: 46685";
        let mut outcome = Outcome::default();
        said.lines().for_each(|line| outcome.read_line(line));
        assert_eq!(outcome, Outcome { inputs: 46685, places: 3503, kept: 592, broke: None });
        assert_eq!(outcome.to_string(), "46685 inputs, 3503 places reached, 592 inputs kept, nothing broke");
    }

    #[test]
    fn what_broke_something_is_named() {
        let mut outcome = Outcome::default();
        outcome.read_line("artifact_prefix='a/'; Test unit written to fuzz/artifacts/a/crash-1");
        assert!(outcome.to_string().ends_with("BROKEN by fuzz/artifacts/a/crash-1"), "{outcome}");
    }
}
