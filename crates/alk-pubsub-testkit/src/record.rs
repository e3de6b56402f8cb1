//! What came of each check, for whoever runs many suites and wants to see them together.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use serde_json::{Value, json};

use crate::factory::TargetFactory;
use crate::report::{Report, Verdict};
use crate::run::{obstacle, run_check};

/// Names the folder that results are written to: a file for each module of tests, in it a JSON object a line. Nothing is
/// written where it is not set.
const VARIABLE: &str = "ALK_CONFORMANCE_RESULTS";

/// As [`run_check`], and writes down what came of it.
#[doc(hidden)]
pub fn run_recorded(module: &str, factory: &dyn TargetFactory, name: &str) {
    let Some(folder) = env::var_os(VARIABLE) else { return run_check(factory, name) };
    let ran = catch_unwind(AssertUnwindSafe(|| run_check(factory, name)));
    let (verdict, why) = match (&ran, obstacle(factory, name)) {
        (Err(_), _) => ("failed", None),
        (Ok(()), Some(requirement)) => ("not applicable", Some(requirement.to_string())),
        (Ok(()), None) => ("passed", None),
    };
    let line = json!({"target": factory.name(), "check": name, "verdict": verdict, "why": why});
    let written = write(Path::new(&folder), module, &line);
    if let Err(panic) = ran {
        resume_unwind(panic);
    }
    written.expect("the folder for results can be written to");
}

impl Report {
    /// Writes it down where `cargo xtask test` looks for it, as [`conformance!`](crate::conformance) does: to be called with
    /// `module_path!()`, for targets that [`run_all`](crate::run_all) tests. Does nothing in any other run.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn record(&self, module: &str) {
        let Some(folder) = env::var_os(VARIABLE) else { return };
        for (check, verdict) in self.verdicts() {
            let (verdict, why) = match verdict {
                Verdict::Passed => ("passed", None),
                Verdict::NotApplicable(requirement) => ("not applicable", Some(requirement.to_string())),
                Verdict::Failed(why) => ("failed", Some(why.clone())),
            };
            let line = json!({"target": self.transport, "check": check.name, "verdict": verdict, "why": why});
            write(Path::new(&folder), module, &line).expect("the folder for results can be written to");
        }
    }
}

fn write(folder: &Path, module: &str, line: &Value) -> std::io::Result<()> {
    let file = folder.join(format!("{}.jsonl", module.replace("::", ".")));
    // In one piece, since tests run side by side.
    OpenOptions::new().create(true).append(true).open(file)?.write_all(format!("{line}\n").as_bytes())
}
