/// An interest and how it stands at the hub.
#[derive(Debug)]
pub(super) struct Entry {
    /// Whether somebody here listens.
    pub(super) wanted: bool,
    pub(super) standing: Standing,
    /// It was active on a connection that was lost, so its listeners are to be told of a gap when it is active again, and
    /// hear nothing before.
    pub(super) owes_gap: bool,
    /// Whether the hub's decision on it belongs to those that are awaited after the welcome.
    pub(super) awaited: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The hub does not know of it.
    Absent,
    /// Asked for by this request, which is not answered yet.
    Asked(u64),
    /// The hub has confirmed it on this connection.
    Active,
    /// The hub has refused it on this connection.
    Refused,
    /// Taken back by this request, which is not answered yet.
    Leaving(u64),
    /// Asked for or taken back by a request that the hub did not look at, perhaps not the first of these.
    Unknown,
}

impl Entry {
    pub(super) fn wanted() -> Self {
        Self { wanted: true, standing: Standing::Absent, owes_gap: false, awaited: false }
    }

    /// What is to be done so that the hub knows what is wanted.
    pub(super) fn step(&self) -> Option<Step> {
        match (self.wanted, self.standing) {
            (true, Standing::Absent | Standing::Refused | Standing::Leaving(_) | Standing::Unknown) => {
                Some(Step::Subscribe)
            }
            (false, Standing::Active | Standing::Asked(_) | Standing::Unknown) => Some(Step::Unsubscribe),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Subscribe,
    Unsubscribe,
}

/// Whether the hub has confirmed an interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spoke) enum Confirmation {
    /// On the connection there is now.
    Confirmed,
    /// It is asked for, or will be; an effect says how it went.
    Open,
    /// Nobody wants it.
    Unknown,
}
