use alk_pubsub::ws_server::{Authorizer, ConnectionInfo, Denied};
use alk_pubsub::{Interest, Topic};
use clap::ValueEnum;

/// What clients may do that have not said who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Anonymous {
    /// Publish anything
    Publish,
    /// Subscribe to topics and types, but not to `*`
    Subscribe,
    /// Everything
    All,
}

/// What everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rights {
    pub(crate) publish: bool,
    pub(crate) subscribe: bool,
    /// Also to `*`.
    pub(crate) everything: bool,
}

const NO_PUBLISH: &str = "this hub lets nobody publish";
const NO_SUBSCRIBE: &str = "this hub lets nobody subscribe";
const NO_EVERYTHING: &str = "everything at once is not allowed here";

impl Rights {
    pub(crate) const ALL: Self = Self { publish: true, subscribe: true, everything: true };
}

impl FromIterator<Anonymous> for Rights {
    fn from_iter<I: IntoIterator<Item = Anonymous>>(allowed: I) -> Self {
        allowed.into_iter().fold(Self::default(), |rights, allowed| match allowed {
            Anonymous::Publish => Self { publish: true, ..rights },
            Anonymous::Subscribe => Self { subscribe: true, ..rights },
            Anonymous::All => Self::ALL,
        })
    }
}

impl Authorizer for Rights {
    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        match interest {
            _ if !self.subscribe => Err(Denied::new(NO_SUBSCRIBE)),
            Interest::Everything if !self.everything => Err(Denied::new(NO_EVERYTHING)),
            _ => Ok(()),
        }
    }

    fn may_publish(&self, _: &ConnectionInfo, _: &Topic) -> Result<(), Denied> {
        if self.publish { Ok(()) } else { Err(Denied::new(NO_PUBLISH)) }
    }
}
