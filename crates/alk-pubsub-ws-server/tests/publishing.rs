//! Spokes that publish to a target that takes its time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alk_pubsub_core::{
    Bounds, Error, Event, EventListener, EventTarget, InProcessEventTarget, Interest, ListenerGuard,
    ListenerId, Published, RawSubscription, StateWatch, TargetFuture,
};
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use serde_json::json;
use support::{Spoke, in_time, start};
use tokio::sync::watch;

/// Publishes nothing until it may, and then all that waits at once.
struct Reluctant {
    inner: InProcessEventTarget,
    may: watch::Receiver<bool>,
    waiting: watch::Sender<usize>,
}

impl EventTarget for Reluctant {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        let (inner, mut may) = (self.inner.clone(), self.may.clone());
        self.waiting.send_modify(|waiting| *waiting += 1);
        TargetFuture::boxed(async move {
            let _ = may.wait_for(|may| *may).await;
            inner.dispatch_event(event).await
        })
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.inner.try_dispatch_event(event)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.inner.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.inner.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.inner.subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.inner.close()
    }

    fn state(&self) -> StateWatch {
        self.inner.state()
    }
}

#[tokio::test]
async fn a_spoke_is_read_again_when_all_its_publishes_are_answered_at_once() {
    let (let_go, may) = watch::channel(false);
    let (waiting, mut waits) = watch::channel(0);
    let target = Reluctant { inner: InProcessEventTarget::default(), may, waiting };
    let mut limits = Limits::default();
    limits.max_in_flight = 2;
    // Or a ping would have it look.
    limits.heartbeat = Duration::from_secs(3600);
    let hub = WsServerEventTarget::builder(target).limits(limits).build();
    let mut spoke = Spoke::connect(start(&hub).await).await;
    let publish = |reference: &str| json!({"type": "__publish", "id": reference, "payload": {"type": "n", "id": "", "payload": 0}});
    spoke.send(publish("1")).await;
    in_time(waits.wait_for(|waiting| *waiting == 1)).await.unwrap();
    spoke.send(publish("2")).await;
    in_time(waits.wait_for(|waiting| *waiting == 2)).await.unwrap();
    // Not read now.
    spoke.send(publish("3")).await;
    let_go.send(true).unwrap();
    let mut answered = Vec::new();
    for _ in 0..3 {
        answered.push(spoke.next().await["id"].as_str().unwrap().to_owned());
    }
    answered.sort();
    assert_eq!(answered, ["1", "2", "3"]);
}
