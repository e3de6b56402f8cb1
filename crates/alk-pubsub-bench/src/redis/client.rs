use crate::comparison::Role;

/// Who goes through a broker here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Fred,
    RedisRs,
    /// The protocol of Redis, read and written by hand.
    BareResp,
    /// That of NATS, through its server.
    BareNats,
    Ours,
}

impl Client {
    pub(super) const ALL: [Self; 5] = [Self::BareResp, Self::BareNats, Self::Fred, Self::RedisRs, Self::Ours];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fred => "fred",
            Self::RedisRs => "redis-rs",
            Self::BareResp => "bare RESP",
            Self::BareNats => "bare NATS",
            Self::Ours => "alk-pubsub",
        }
    }

    pub(super) const fn role(self) -> Role {
        match self {
            Self::Fred | Self::RedisRs => Role::Peer,
            Self::BareResp => Role::Limit,
            Self::BareNats => Role::Aside,
            Self::Ours => Role::Ours,
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.name() == name)
    }
}
