//! What a rule is and what it finds.

use anyhow::Result;

use crate::workspace::Workspace;

/// Something that holds for the whole workspace.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// What holds, in one line.
    pub(super) holds: &'static str,
    /// Finds where it does not. An error means that one could not tell.
    pub(super) check: fn(&Workspace) -> Result<Vec<Finding>>,
}

/// A place where a rule does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// A file, with the line where there is one, or a crate.
    pub(super) place: String,
    pub(super) message: String,
    pub(super) severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// The rule is broken.
    Broken,
    /// Worth a look, and no more.
    Notice,
}

impl Finding {
    pub(super) fn broken(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), severity: Severity::Broken }
    }

    pub(super) fn notice(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), severity: Severity::Notice }
    }
}
