//! Promise 4: one way round.

use crate::kit::Kit;
use crate::numbers::{NUMBER, publish_all, subscribed, take_until};

/// Not one from here and one from the transport.
///
/// Each publisher has numbers of its own: what the first has published may still be on its way to the second.
pub(super) async fn a_publisher_hears_its_own_events_once(kit: Kit) {
    for (first, pubsub) in [(0, kit.publishing()), (1000, kit.subscribing())] {
        let mut own = subscribed(pubsub.subscribe(NUMBER)).await;
        let mut own_topic = subscribed(pubsub.subscribe_to(NUMBER, "1")).await;
        let end = first + 100;
        publish_all(&pubsub, "1", first..=end).await;
        for subscription in [&mut own, &mut own_topic] {
            let mut heard = take_until(subscription, end).await;
            heard.retain(|number| *number >= first);
            assert_eq!(heard, (first..end).collect::<Vec<_>>(), "of `{}`", subscription.interest());
        }
    }
}
