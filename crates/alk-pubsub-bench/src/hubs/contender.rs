use super::external::External;
use super::stand_in::StandIn;
use crate::comparison::Role;
use crate::installed::say_missing;

/// Who is a hub here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Ours,
    StandIn(StandIn),
    External(External),
}

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "alk-hub",
            Self::StandIn(stand_in) => stand_in.name(),
            Self::External(external) => external.name(),
        }
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::Ours => Role::Ours,
            Self::StandIn(StandIn::Bare) => Role::Limit,
            Self::StandIn(_) | Self::External(_) => Role::Peer,
        }
    }

    /// What the load has to speak.
    pub(super) fn dialect(self) -> &'static str {
        match self {
            Self::Ours | Self::StandIn(_) => "alk",
            Self::External(external) => external.dialect(),
        }
    }
}

/// Those of them that are here; names those that are not.
pub(super) fn those_here(all: &[Contender]) -> Vec<Contender> {
    let here = all.iter().copied().filter(|contender| {
        let Contender::External(external) = contender else { return true };
        let missing = external.missing();
        if let Some(why) = &missing {
            say_missing(external.name(), why);
        }
        missing.is_none()
    });
    here.collect()
}
