use std::fmt;
use std::sync::Arc;

/// A way to end the connection that a request came by. A server puts it into the extensions of its requests, where
/// [`SseRelay`](crate::SseRelay) finds it.
///
/// A stream that the relay ends, because its identity expired or somebody disconnected it, brings its client nothing any more
/// from that moment on. But a client that does not read does not take the end either, and its connection would stay. So this is
/// called two seconds later, once. By then a client that reads has everything, and its connection may serve other requests: end
/// it only where there is something that it does not take.
///
/// ```
/// use alk_pubsub_sse::HangUp;
/// # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// # let (cut, request) = (Arc::new(AtomicBool::new(false)), &mut http::Request::new(()));
/// let hang_up = HangUp::new(move || cut.store(true, Ordering::Relaxed));
/// request.extensions_mut().insert(hang_up);
/// ```
#[derive(Clone)]
pub struct HangUp(Arc<dyn Fn() + Send + Sync>);

impl HangUp {
    /// Calls this, which is not to block.
    pub fn new(hang_up: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(hang_up))
    }

    pub(crate) fn hang_up(&self) {
        (self.0)();
    }
}

impl fmt::Debug for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HangUp").finish_non_exhaustive()
    }
}
