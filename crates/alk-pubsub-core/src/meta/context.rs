use super::traceparent::Traceparent;

/// Where a publisher's trace context comes from: asked for each event that a [`PubSub`](crate::PubSub) publishes, on the
/// publisher's own thread. See [`PubSub::traced_by`](crate::PubSub::traced_by).
///
/// A closure is one, and so is a [`Traceparent`], which is always the same. With the feature `opentelemetry` there is one
/// that asks for the current span. It must not wait, and must not publish through the `PubSub` that asks it.
pub trait TraceContext: Send + Sync + 'static {
    /// The context of what runs now; `None` if there is none, and the event is to carry none.
    fn current(&self) -> Option<Traceparent>;
}

impl<F: Fn() -> Option<Traceparent> + Send + Sync + 'static> TraceContext for F {
    fn current(&self) -> Option<Traceparent> {
        self()
    }
}

impl TraceContext for Traceparent {
    fn current(&self) -> Option<Traceparent> {
        Some(*self)
    }
}
