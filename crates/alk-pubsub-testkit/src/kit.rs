use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, Dynamic, EventTarget, PubSub, Topic};
use bytes::Bytes;

use crate::capabilities::Capabilities;
use crate::factory::Space;

/// How long a check may take. A backstop: nothing waits for time to pass.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What a check works with: a [`Space`] of its own, and ways to wait.
#[derive(Debug)]
pub struct Kit {
    pub(crate) space: Space,
    pub(crate) capabilities: Capabilities,
}

impl Kit {
    /// The target to publish on.
    #[must_use]
    pub fn publisher(&self) -> &Arc<dyn EventTarget> {
        &self.space.publisher
    }

    /// The target to subscribe on; the same as the [`publisher`](Self::publisher), or another in the same topic space.
    #[must_use]
    pub fn subscriber(&self) -> &Arc<dyn EventTarget> {
        &self.space.subscriber
    }

    /// Whether checks publish on the very target that they subscribe on.
    pub(crate) fn is_one_target(&self) -> bool {
        Arc::ptr_eq(&self.space.publisher, &self.space.subscriber)
    }

    pub(crate) fn publishing(&self) -> PubSub<Dynamic> {
        PubSub::over(self.space.publisher.clone())
    }

    pub(crate) fn subscribing(&self) -> PubSub<Dynamic> {
        PubSub::over(self.space.subscriber.clone())
    }

    /// Waits for a future that must not take long.
    ///
    /// # Panics
    ///
    /// After [`DEADLINE`].
    pub async fn within<F: IntoFuture>(future: F) -> F::Output {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_) => panic!("not over after {DEADLINE:?}"),
        }
    }

    /// Waits until something is so that nobody tells of.
    ///
    /// # Panics
    ///
    /// After [`DEADLINE`].
    pub async fn until(mut is_so: impl FnMut() -> bool) {
        let looking = async {
            let mut often = tokio::time::interval(Duration::from_millis(1));
            while !is_so() {
                often.tick().await;
            }
        };
        Self::within(looking).await;
    }

    /// Cuts the subscriber's connection and waits until its target has noticed.
    pub(crate) async fn disconnect(&self) {
        let faults = self.space.faults.as_ref().expect("a transport with outages has faults");
        Self::within(faults.disconnect()).await;
        self.state_is(|state| state != ConnectionState::Connected).await;
    }

    /// Lets the connection come back and waits until the target has it.
    pub(crate) async fn reconnect(&self) {
        let faults = self.space.faults.as_ref().expect("a transport with outages has faults");
        Self::within(faults.reconnect()).await;
        self.state_is(|state| state == ConnectionState::Connected).await;
    }

    pub(crate) async fn send_raw(&self, topic: &Topic, bytes: &'static [u8]) {
        let faults = self.space.faults.as_ref().expect("a transport that takes raw bytes has faults");
        Self::within(faults.send_raw(topic, Bytes::from_static(bytes))).await;
    }

    async fn state_is(&self, expected: impl Fn(ConnectionState) -> bool) {
        let mut state = self.space.subscriber.state();
        let mut now = state.current();
        while !expected(now) {
            now = Self::within(state.changed()).await;
        }
    }
}
