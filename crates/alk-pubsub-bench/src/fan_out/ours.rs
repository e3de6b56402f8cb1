use std::time::Duration;

use alk_pubsub_core::{Bounds, Overflow, PubSub, event_map};

use super::timing::{CAPACITY, time_all};
use crate::tick::{Check, Tick};

event_map! {
    struct Events {
        Ticked("ticked") => Tick,
    }
}

/// The publisher has a handle of its topic, as the peers have one of their channel.
pub(super) async fn alk_pubsub(subscribers: usize, events: usize) -> Duration {
    let pubsub = PubSub::<Events>::in_process();
    let bounds = Bounds::default().events(CAPACITY).overflow(Overflow::Block);
    let mut tasks = Vec::new();
    for _ in 0..subscribers {
        let mut ticks = pubsub.subscribe_to(Ticked, "clock").bounds(bounds).await.expect("in process");
        tasks.push(tokio::spawn(async move {
            let mut check = Check::default();
            while let Some(event) = ticks.recv().await {
                check.see(event.payload());
            }
            check.seen()
        }));
    }
    let clock = pubsub.publisher(Ticked, "clock").expect("a topic");
    let publisher = async move {
        for sequence in 0..events {
            clock.publish(Tick::new(sequence as u64)).await.expect("in process");
        }
        pubsub.close().await.expect("in process");
    };
    time_all(publisher, tasks, events).await
}
