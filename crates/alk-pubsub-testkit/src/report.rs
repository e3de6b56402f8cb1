use std::fmt;

use crate::capabilities::Requirement;
use crate::check::Check;

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The promise holds.
    Passed,
    /// The transport does not promise it.
    NotApplicable(Requirement),
    /// The promise is broken; with what the check has to say.
    Failed(String),
}

/// What came of all checks.
#[derive(Debug)]
pub struct Report {
    pub(crate) transport: &'static str,
    pub(crate) verdicts: Vec<(&'static Check, Verdict)>,
}

impl Report {
    /// Whether all that is promised holds.
    #[must_use]
    pub fn is_conforming(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Each check with what came of it.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'static Check, &Verdict)> {
        self.verdicts.iter().map(|(check, verdict)| (*check, verdict))
    }

    /// The checks that found a promise to hold.
    pub fn passed(&self) -> impl Iterator<Item = &'static Check> {
        self.verdicts().filter(|(_, verdict)| **verdict == Verdict::Passed).map(|(check, _)| check)
    }

    /// The checks of what the transport does not promise, each with what it would take.
    pub fn not_applicable(&self) -> impl Iterator<Item = (&'static Check, Requirement)> {
        self.verdicts().filter_map(|(check, verdict)| match verdict {
            Verdict::NotApplicable(requirement) => Some((check, *requirement)),
            Verdict::Passed | Verdict::Failed(_) => None,
        })
    }

    /// The checks that found a promise broken, each with what it has to say.
    pub fn failed(&self) -> impl Iterator<Item = (&'static Check, &str)> {
        self.verdicts().filter_map(|(check, verdict)| match verdict {
            Verdict::Failed(message) => Some((check, message.as_str())),
            Verdict::Passed | Verdict::NotApplicable(_) => None,
        })
    }
}

/// A line for each check.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.transport)?;
        for (check, verdict) in self.verdicts() {
            let name = check.name.replace('_', " ");
            match verdict {
                Verdict::Passed => writeln!(f, "  {:2} passed          {name}", check.promise)?,
                Verdict::NotApplicable(requirement) => {
                    writeln!(f, "  {:2} not applicable  {name}: {requirement}", check.promise)?;
                }
                Verdict::Failed(message) => {
                    writeln!(f, "  {:2} FAILED          {name}: {message}", check.promise)?;
                }
            }
        }
        let (passed, not) = (self.passed().count(), self.not_applicable().count());
        write!(f, "  {passed} passed, {not} not applicable, {} failed", self.failed().count())
    }
}
