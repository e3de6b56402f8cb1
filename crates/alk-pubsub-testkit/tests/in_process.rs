//! The targets of one process keep what is promised.

mod support;

use std::sync::Arc;

use alk_pubsub_core::{EventTarget, InProcessEventTarget};
use alk_pubsub_testkit::{
    CHECKS, Capabilities, Making, Requirement, Space, TargetFactory, conformance, run_all,
};

struct InProcess;

impl TargetFactory for InProcess {
    fn name(&self) -> &'static str {
        "in process"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().block().exact_receivers().interests()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async { Space::new(Arc::new(InProcessEventTarget::in_process())) })
    }
}

/// A pointer to a target is a target, and a pointer to that.
struct BehindPointers;

impl TargetFactory for BehindPointers {
    fn name(&self) -> &'static str {
        "Arc<dyn EventTarget>"
    }

    fn capabilities(&self) -> Capabilities {
        InProcess.capabilities()
    }

    fn space(&self) -> Making<'_> {
        let target: Arc<dyn EventTarget> = Arc::new(InProcessEventTarget::in_process());
        Box::pin(async { Space::pair(Arc::new(target.clone()), Arc::new(Arc::new(target))) })
    }
}

/// All that has a provided method is provided.
struct Minimal;

impl TargetFactory for Minimal {
    fn name(&self) -> &'static str {
        "a target with nothing but the required methods"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().exact_receivers()
    }

    fn space(&self) -> Making<'_> {
        let target: Arc<dyn EventTarget> = Arc::new(InProcessEventTarget::in_process());
        Box::pin(async { Space::new(Arc::new(support::Minimal(target))) })
    }
}

conformance!(in_process, InProcess);
conformance!(behind_pointers, BehindPointers);
conformance!(minimal, Minimal);

#[test]
fn what_is_not_applicable_is_never_counted_as_passed() {
    let report = run_all(&Minimal);
    assert!(report.is_conforming(), "{report}");
    let not_applicable: Vec<_> = report.not_applicable().collect();
    assert_eq!(report.passed().count() + not_applicable.len(), CHECKS.len());
    assert!(not_applicable.iter().any(|(_, requirement)| *requirement == Requirement::Outages));
    assert!(
        report.passed().all(|check| check.requires.is_none_or(|needed| Minimal.capabilities().meet(needed)))
    );
    let text = report.to_string();
    assert!(
        text.contains("not applicable  what is dropped is unsubscribed: interests are not listed"),
        "{text}"
    );
}
