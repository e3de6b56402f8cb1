//! Running step after step and telling in the end how each of them went.

use std::fmt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cargo::shown;

#[derive(Debug)]
pub(super) enum Outcome {
    Passed,
    /// With the reason.
    Failed(String),
    /// With the reason.
    NotRun(String),
}

#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    outcome: Outcome,
    took: Duration,
}

impl Outcome {
    pub(super) fn of(status: ExitStatus) -> Self {
        if status.success() { Self::Passed } else { Self::Failed(status.to_string()) }
    }
}

impl Report {
    /// Runs a step; an error is a step that failed.
    pub(super) fn step(&mut self, name: &str, run: impl FnOnce() -> Result<Outcome>) {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = run().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        self.rows.push(Row { name: name.to_owned(), outcome, took: started.elapsed() });
    }

    /// Runs a step that is one command.
    pub(super) fn command(&mut self, name: &str, mut command: Command) {
        self.step(name, || {
            println!("$ {}", shown(&command));
            let status = command.status().with_context(|| format!("cannot start {}", shown(&command)))?;
            Ok(Outcome::of(status))
        });
    }

    /// Prints the table; an error if a step failed.
    pub(super) fn finish(self) -> Result<()> {
        println!("\n{self}");
        let failed = self.rows.iter().filter(|row| matches!(row.outcome, Outcome::Failed(_))).count();
        if failed > 0 {
            bail!("failed checks: {failed} of {}", self.rows.len());
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        for Row { name, outcome, took } in &self.rows {
            write!(f, "{name:width$} {:7.1} s  ", took.as_secs_f64())?;
            match outcome {
                Outcome::Passed => writeln!(f, "ok")?,
                Outcome::Failed(reason) => writeln!(f, "FAILED: {reason}")?,
                Outcome::NotRun(reason) => writeln!(f, "not run: {reason}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Outcome, Report};

    #[test]
    fn a_failing_step_keeps_none_from_running_and_fails_the_whole() {
        let mut report = Report::default();
        report.step("first", || Err(anyhow!("broken")));
        report.step("second", || Ok(Outcome::Passed));
        let table = report.to_string();
        assert!(table.contains("FAILED: broken") && table.contains("second"), "{table}");
        assert_eq!(report.finish().unwrap_err().to_string(), "failed checks: 1 of 2");
    }

    #[test]
    fn what_could_not_be_run_is_said_and_is_no_failure() {
        let mut report = Report::default();
        report.step("only", || Ok(Outcome::NotRun("no such tool".to_owned())));
        assert!(report.to_string().contains("not run: no such tool"));
        assert!(report.finish().is_ok());
    }
}
