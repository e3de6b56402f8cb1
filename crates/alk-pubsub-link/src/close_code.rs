/// Why a connection is closed; for a WebSocket the code of its close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1000: done.
    Normal,
    /// 1001: the hub shuts down.
    GoingAway,
    /// 1008: not authorised, expired, or too many bad frames.
    Policy,
    /// 1009: a frame is too large.
    TooBig,
    /// 1013: the connection is too slow.
    TryAgain,
}

impl CloseCode {
    /// The number of RFC 6455, section 7.4.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            CloseCode::Normal => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::TryAgain => 1013,
        }
    }

    /// The close code of this number, if it is one of them.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        let all = [Self::Normal, Self::GoingAway, Self::Policy, Self::TooBig, Self::TryAgain];
        all.into_iter().find(|known| known.code() == code)
    }
}
