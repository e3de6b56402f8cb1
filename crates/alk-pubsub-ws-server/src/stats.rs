use alk_pubsub_link::ErrorCode;

/// Counters of a [`WsServerEventTarget`](crate::WsServerEventTarget) since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WsServerStats {
    /// Connections now.
    pub connections: u64,
    /// Connections opened.
    pub opened: u64,
    /// Requests turned away because the hub was full or shutting down.
    pub turned_away: u64,
    /// Frames received.
    pub frames_in: u64,
    /// Events received for publishing.
    pub published: u64,
    /// Events sent.
    pub events_out: u64,
    /// Events that connections missed.
    pub missed: u64,
    /// Gaps that connections were told of.
    pub gaps: u64,
    /// Frames and topics refused, by code.
    pub refused: Vec<(ErrorCode, u64)>,
}
