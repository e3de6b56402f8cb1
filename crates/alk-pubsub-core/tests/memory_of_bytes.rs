//! As `memory_of_values`, for events that came as bytes and a bound in bytes.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use alk_pubsub_core::{
    Bounds, Dynamic, Encoding, Event, EventTarget, InProcessEventTarget, Overflow, PubSub,
};

use support::{interest, now, resident_bytes};

const EVENTS: u64 = 1_000_000;
const SIZE: usize = 1024;

/// Memory of its own for each.
fn raw() -> Event {
    let envelope = format!(r#"{{"type":"a","id":"1","payload":"{:>SIZE$}"}}"#, "");
    let payload = envelope.len() - SIZE - 3..envelope.len() - 1;
    Event::from_parts(Encoding::JSON, envelope.into(), "a:1".parse().unwrap(), payload)
}

#[tokio::test]
async fn a_million_events_of_a_kibibyte_past_stalled_subscribers_cost_their_bounds() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let bounds = Bounds::default().events(1 << 30).bytes(1 << 20);
    let mut stalled = pubsub.subscribe_to("a", "1").bounds(bounds).await.unwrap();
    let latest = now(target.subscribe_raw(interest("a"), bounds.overflow(Overflow::Latest)));
    let closes = now(target.subscribe_raw(interest("*"), bounds.overflow(Overflow::Close)));
    let mut fast = pubsub.subscribe_to("a", "1").await.unwrap();
    let before = resident_bytes();
    let mut most = 0;
    for number in 0..EVENTS {
        target.try_dispatch_event(raw()).unwrap();
        if number % 256 == 0 {
            while fast.try_recv().is_ok() {}
            most = most.max(resident_bytes());
        }
    }
    assert_eq!(fast.missed(), 0);
    // Three queues of a mebibyte, with chunks that are begun and what the allocator makes of it.
    let grown = most.saturating_sub(before);
    println!("{} KiB more after a million events of a kibibyte", grown >> 10);
    assert!(grown < 10 << 20, "{grown} bytes");
    assert_eq!(latest.len(), 1, "one topic");
    assert_eq!(stalled.try_recv().unwrap().payload().as_str().map(str::len), Some(SIZE));
    let held = (1 << 20) / raw().encoded_len() as u64;
    assert_eq!(stalled.missed(), EVENTS - held);
    drop(closes);
}
