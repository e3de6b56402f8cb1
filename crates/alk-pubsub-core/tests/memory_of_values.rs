//! A stalled subscriber of a busy topic holds no more than its bound. A test file of its own: it looks at the whole process.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use alk_pubsub_core::{EventTarget, InProcessEventTarget, PubSub, event_map};
use serde::{Deserialize, Serialize};

use support::resident_bytes;

const EVENTS: u64 = 10_000_000;

#[derive(Debug, Serialize, Deserialize)]
struct Tick {
    sequence: u64,
    filling: [u64; 4],
}

event_map! {
    struct Events {
        Ticked("ticked") => Tick,
    }
}

#[tokio::test]
async fn ten_million_events_past_a_stalled_subscriber_cost_its_bound() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Events>::new(target.clone());
    let mut stalled = pubsub.subscribe_to(Ticked, "clock").await.unwrap();
    let mut fast = pubsub.subscribe(Ticked).await.unwrap();
    let mut also_fast = pubsub.subscribe_to(Ticked, "clock").await.unwrap();
    let publish = |sequence| {
        pubsub.try_publish(Ticked, "clock", Tick { sequence, filling: [sequence; 4] }).unwrap();
    };
    let mut drain = |expected: &mut u64| {
        while let Ok(event) = fast.try_recv() {
            assert_eq!(event.payload().sequence, *expected);
            also_fast.try_recv().unwrap();
            *expected += 1;
        }
    };
    let mut next = 0;
    // What is allocated once and stays is not the question.
    (0..10_000).for_each(publish);
    drain(&mut 8_976);
    let before = resident_bytes();
    let mut most = 0;
    for sequence in 10_000..EVENTS {
        publish(sequence);
        if sequence % 512 == 0 {
            next = next.max(10_000);
            drain(&mut next);
            most = most.max(resident_bytes());
        }
    }
    // 1024 events of some 150 bytes and what the allocator makes of it; all of them would be 1.5 GB.
    let grown = most.saturating_sub(before);
    println!("{} KiB more after ten million events", grown >> 10);
    assert!(grown < 4 << 20, "{grown} bytes");

    assert_eq!(stalled.len() as u64, EVENTS);
    assert_eq!(stalled.try_recv().unwrap().payload().sequence, EVENTS - 1024);
    assert_eq!(stalled.missed(), EVENTS - 1024);
    assert_eq!(target.stats().published, EVENTS);
}
