//! Promise 4: one way round.

use crate::kit::Kit;
use crate::numbers::{NUMBER, publish_all, subscribed, take_until};

const END: u64 = 1_000_000;

/// Not one from here and one from the transport.
pub(super) async fn a_publisher_hears_its_own_events_once(kit: Kit) {
    for pubsub in [kit.publishing(), kit.subscribing()] {
        let mut own = subscribed(pubsub.subscribe(NUMBER)).await;
        let mut own_topic = subscribed(pubsub.subscribe_to(NUMBER, "1")).await;
        publish_all(&pubsub, "1", (0..100).chain([END])).await;
        assert_eq!(take_until(&mut own, END).await, (0..100).collect::<Vec<_>>());
        assert_eq!(take_until(&mut own_topic, END).await, (0..100).collect::<Vec<_>>());
    }
}
