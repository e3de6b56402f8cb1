//! What came of each check, for whoever runs many suites and wants to see them together.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use serde_json::json;

use crate::factory::TargetFactory;
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
    let file = Path::new(&folder).join(format!("{}.jsonl", module.replace("::", ".")));
    // In one piece, since tests run side by side.
    let written = OpenOptions::new().create(true).append(true).open(&file);
    let written = written.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if let Err(panic) = ran {
        resume_unwind(panic);
    }
    written.unwrap_or_else(|error| panic!("the result cannot be written to {}: {error}", file.display()));
}
