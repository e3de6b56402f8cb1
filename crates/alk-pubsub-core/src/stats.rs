/// Counters of an event target since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that were handed to the router, by publishers of this process or by the upstream.
    pub published: u64,
    /// Events times their receivers in this process.
    pub delivered: u64,
    /// Events that subscribers missed because they lagged too far.
    pub missed: u64,
    /// Interests that somebody listens to now.
    pub interests: u64,
    /// Subscriptions and listeners now.
    pub subscribers: u64,
}
