use std::fmt;

/// What a transport can do beyond what every event target must. By default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Capabilities {
    block: bool,
    exact_receivers: bool,
    interests: bool,
    encodes: bool,
    max_event_bytes: Option<usize>,
    outages: bool,
    raw_bytes: bool,
}

/// What a check asks of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Requirement {
    /// [`Capabilities::block`].
    Block,
    /// That publishers cannot be made to wait.
    NoBlock,
    /// [`Capabilities::exact_receivers`].
    ExactReceivers,
    /// [`Capabilities::interests`].
    Interests,
    /// [`Capabilities::encodes`].
    Encodes,
    /// [`Capabilities::max_event_bytes`].
    EventLimit,
    /// [`Capabilities::outages`].
    Outages,
    /// [`Capabilities::raw_bytes`].
    RawBytes,
}

impl Capabilities {
    /// Publishers wait for subscribers with the policy `Block`. A transport that cannot do that has to refuse the policy.
    pub fn block(mut self) -> Self {
        self.block = true;
        self
    }

    /// A publish resolves to the exact number of receivers.
    pub fn exact_receivers(mut self) -> Self {
        self.exact_receivers = true;
        self
    }

    /// The target on which checks subscribe lists its interests.
    pub fn interests(mut self) -> Self {
        self.interests = true;
        self
    }

    /// Events are encoded on their way, as JSON, so that a publisher is told of a payload that cannot be.
    pub fn encodes(mut self) -> Self {
        self.encodes = true;
        self
    }

    /// The largest envelope that the transport takes, in bytes, which checks will go to and beyond.
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = Some(bytes);
        self
    }

    /// The connection can be lost and come back, see [`Faults`](crate::Faults).
    pub fn outages(mut self) -> Self {
        self.outages = true;
        self
    }

    /// Bytes can be sent that are no event, see [`Faults`](crate::Faults).
    pub fn raw_bytes(mut self) -> Self {
        self.raw_bytes = true;
        self
    }

    /// The limit that was given, if any.
    #[must_use]
    pub fn event_limit(self) -> Option<usize> {
        self.max_event_bytes
    }

    /// Whether a check that asks for this can be run.
    #[must_use]
    pub fn meet(self, requirement: Requirement) -> bool {
        match requirement {
            Requirement::Block => self.block,
            Requirement::NoBlock => !self.block,
            Requirement::ExactReceivers => self.exact_receivers,
            Requirement::Interests => self.interests,
            Requirement::Encodes => self.encodes,
            Requirement::EventLimit => self.max_event_bytes.is_some(),
            Requirement::Outages => self.outages,
            Requirement::RawBytes => self.raw_bytes,
        }
    }
}

/// Why a check is not applicable where the requirement is not met.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Requirement::Block => "publishers cannot be made to wait",
            Requirement::NoBlock => "publishers can be made to wait",
            Requirement::ExactReceivers => "the number of receivers is not known",
            Requirement::Interests => "interests are not listed",
            Requirement::Encodes => "nothing is encoded",
            Requirement::EventLimit => "events may have any size",
            Requirement::Outages => "there is no connection to lose",
            Requirement::RawBytes => "there is no way to send what is no event",
        })
    }
}
