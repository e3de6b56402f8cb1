use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::runtime::Builder;

use crate::capabilities::Requirement;
use crate::check::Check;
use crate::checks::CHECKS;
use crate::factory::TargetFactory;
use crate::kit::Kit;
use crate::report::{Report, Verdict};

/// Runs one check by its name, as [`conformance!`](crate::conformance) does. What is not applicable is said on standard error.
///
/// # Panics
///
/// If the promise is broken, and if there is no such check.
pub fn run_check(factory: &dyn TargetFactory, name: &str) {
    let Some(check) = CHECKS.iter().find(|check| check.name == name) else {
        panic!("there is no check `{name}`")
    };
    if let Some(requirement) = obstacle(factory, name) {
        // Not by `eprintln!`, which tests that do not fail keep to themselves.
        let line = format!("{}: {name} is not applicable: {requirement}\n", factory.name());
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    run(factory, check);
}

/// What stands in the way of a check, if it does not apply.
pub(crate) fn obstacle(factory: &dyn TargetFactory, name: &str) -> Option<Requirement> {
    let check = CHECKS.iter().find(|check| check.name == name)?;
    check.requires.filter(|requirement| !factory.capabilities().meet(*requirement))
}

/// Runs all checks, one after the other, and says what came of each.
pub fn run_all(factory: &dyn TargetFactory) -> Report {
    let verdict = |check: &Check| match check.requires {
        Some(requirement) if !factory.capabilities().meet(requirement) => Verdict::NotApplicable(requirement),
        _ => match catch_unwind(AssertUnwindSafe(|| run(factory, check))) {
            Ok(()) => Verdict::Passed,
            Err(panic) => Verdict::Failed(
                panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("it panicked")
                    .to_owned(),
            ),
        },
    };
    let verdicts = CHECKS.iter().map(|check| (check, verdict(check))).collect();
    Report { transport: factory.name(), verdicts }
}

fn run(factory: &dyn TargetFactory, check: &Check) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let space = Kit::within(factory.space()).await;
            let kit = Kit { space, capabilities: factory.capabilities() };
            Kit::within((check.run)(kit)).await;
        });
    }));
    // A task of a failed check may hang, and nobody should wait for it.
    runtime.shutdown_background();
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}
