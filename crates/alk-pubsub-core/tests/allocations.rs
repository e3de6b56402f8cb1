//! What a dispatch in process allocates: the event, and now and then a piece of the log. A test file of its own, with one test:
//! it counts for the whole process.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::alloc::System;

use alk_pubsub_core::{Dynamic, Event, EventTarget, InProcessEventTarget, PubSub, event_map};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use support::{interest, now};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

event_map! {
    struct Events {
        Ticked("ticked") => u64,
        Unheard("unheard") => u64,
    }
}

const EVENTS: u64 = 1000;

/// Allocations, new and grown ones, for each event.
async fn allocations(mut each: impl AsyncFnMut(u64)) -> f64 {
    for warm in 0..EVENTS {
        each(warm).await;
    }
    let region = Region::new(GLOBAL);
    for number in 0..EVENTS {
        each(number).await;
    }
    let change = region.change();
    (change.allocations + change.reallocations) as f64 / EVENTS as f64
}

#[tokio::test]
async fn a_dispatch_allocates_the_event_and_little_else() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Events>::new(target.clone());

    let to_nobody = allocations(async |number| {
        pubsub.publish(Unheard, "1", number).await.unwrap();
    });
    assert_eq!(to_nobody.await, 1.0, "to nobody");

    let mut ticks = pubsub.subscribe_to(Ticked, "1").await.unwrap();
    let to_one = allocations(async |number| {
        pubsub.publish(Ticked, "1", number).await.unwrap();
        assert_eq!(ticks.recv().await.unwrap().payload(), &number);
    });
    // Three for each chunk: itself, its slots, and a place to let go of it after the lock.
    let to_one = to_one.await;
    println!("{to_one} allocations for an event to one subscriber");
    assert!((1.0..=1.25).contains(&to_one), "to one: {to_one}");

    let mut of_type = pubsub.subscribe(Ticked).await.unwrap();
    let mut of_all = PubSub::<Dynamic>::new(target.clone()).subscribe_all().await.unwrap();
    let _listener = now(target.add_event_listener(interest("ticked:1"), std::sync::Arc::new(|_: &Event| {})));
    let event = Event::new("ticked:1".parse().unwrap(), serde_json::json!(1));
    let ready_made = allocations(async |_| {
        target.dispatch_event(event.clone()).await.unwrap();
        assert!(of_all.recv().await.is_some());
        assert!(ticks.try_recv().is_ok());
        assert!(of_type.try_recv().is_ok());
    });
    // Three logs, each with its chunks, and somebody to call; nothing is encoded or decoded again, nothing is boxed.
    let ready_made = ready_made.await;
    println!("{ready_made} allocations for a ready-made event to four subscribers of three interests");
    assert!(ready_made <= 2.0, "to several: {ready_made}");
}
