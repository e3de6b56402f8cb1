//! What happens with every event, one step at a time: `cargo xtask bench micro`.
//!
//! Times of single steps say less than ratios of whole workloads, and less than counted instructions: they are for looking
//! closer at a step while it is being changed.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::cell::RefCell;
use std::hint::black_box;

use alk_pubsub_core::{
    Bounds, Dynamic, Encoding, Event, EventType, Interest, Overflow, PubSub, Publisher, Subscription, Topic,
    event_map,
};
use alk_pubsub_link::{Frame, Wire};
use divan::{Bencher, counter::ItemsCount};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

fn main() {
    divan::main();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    number: u64,
    text: String,
}

event_map! {
    struct Notes {
        Noted("note") => Note,
        Counted("counted") => u64,
    }
}

fn note() -> Note {
    Note { number: 123_456, text: "x".repeat(120) }
}

fn topic() -> Topic {
    Topic::new(EventType::new("note").unwrap(), "project-1").unwrap()
}

/// About 200 bytes of it.
fn envelope() -> Vec<u8> {
    Encoding::JSON.encode(&topic(), &note()).unwrap().into()
}

fn subscribed(pubsub: &PubSub<Notes>, id: &str) -> Subscription<u64> {
    let bounds = Bounds::default().events(1024).overflow(Overflow::DropOldest);
    pubsub.subscribe_to(Counted, id).bounds(bounds).into_future().now_or_never().unwrap().unwrap()
}

fn receive(subscription: &mut Subscription<u64>) -> u64 {
    *subscription.recv().now_or_never().flatten().unwrap().payload()
}

/// To so many, none of whom reads: what the publisher pays.
#[divan::bench(args = [0, 1, 8, 64])]
fn publish(bencher: Bencher<'_, '_>, subscribers: usize) {
    let pubsub = PubSub::<Notes>::in_process();
    let _kept: Vec<_> = (0..subscribers).map(|_| subscribed(&pubsub, "clock")).collect();
    let clock: Publisher<u64> = pubsub.publisher(Counted, "clock").unwrap();
    bencher.bench_local(|| clock.try_publish(black_box(1)).unwrap());
}

/// Of events that wait already, 512 of them.
#[divan::bench(sample_size = 1, sample_count = 2000)]
fn receive_waiting(bencher: Bencher<'_, '_>) {
    const WAITING: u64 = 512;
    let pubsub = PubSub::<Notes>::in_process();
    let mut subscription = subscribed(&pubsub, "clock");
    let clock = pubsub.publisher(Counted, "clock").unwrap();
    bencher
        .counter(ItemsCount::new(WAITING))
        .with_inputs(|| (0..WAITING).for_each(|number| _ = clock.try_publish(number).unwrap()))
        .bench_local_values(|()| (0..WAITING).map(|_| receive(&mut subscription)).sum::<u64>());
}

/// By type and id, to one of so many topics with a subscriber each, who reads it.
#[divan::bench(args = [1, 1000, 100_000])]
fn route_to_one_topic_of(bencher: Bencher<'_, '_>, topics: usize) {
    let pubsub = PubSub::<Notes>::in_process();
    let ids: Vec<String> = (0..topics).map(|number| number.to_string()).collect();
    let mut all: Vec<_> = ids.iter().map(|id| subscribed(&pubsub, id)).collect();
    let mut at = 0;
    bencher.bench_local(|| {
        // Not one after the other, which the memory would have ready.
        at = (at + 7919) % topics;
        pubsub.try_publish(Counted, &ids[at], 1).unwrap();
        receive(&mut all[at])
    });
}

/// With so many interests of one client; the last of them matches.
#[divan::bench(args = [1, 16, 128])]
fn interest_match(bencher: Bencher<'_, '_>, interests: usize) {
    let mut all: Vec<Interest> =
        (1..interests).map(|number| format!("note:project-{}", number + 1).parse().unwrap()).collect();
    all.push("note".parse().unwrap());
    let topic = topic();
    bencher.bench(|| black_box(&all).iter().any(|interest| interest.matches(black_box(&topic))));
}

#[divan::bench(args = ["*", "note", "note:project-1"])]
fn interest_parse(text: &str) -> Interest {
    black_box(text).parse().unwrap()
}

/// A frame as a peer sends it; its payload is not looked into.
#[divan::bench]
fn parse_frame(bencher: Bencher<'_, '_>) {
    let frame = envelope();
    bencher.bench(|| Frame::decode(Wire::Json, black_box(&frame)).is_ok());
}

/// Where an event goes, by its envelope.
#[divan::bench]
fn split_envelope(bencher: Bencher<'_, '_>) {
    let envelope = envelope();
    bencher.bench(|| Encoding::JSON.split(black_box(&envelope)).is_ok());
}

/// The envelope of a struct.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let (topic, note) = (topic(), note());
    bencher.bench(|| Encoding::JSON.encode(black_box(&topic), black_box(&note)));
}

/// The struct of an envelope.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let envelope = envelope();
    bencher.bench(|| {
        let event = Event::from_encoded(Encoding::JSON, envelope.clone().into()).unwrap();
        event.decode::<Note>().unwrap().into_payload().number
    });
}

/// A topic that nobody else has, as who waits for one reply does.
#[divan::bench]
fn subscribe_and_leave(bencher: Bencher<'_, '_>) {
    let pubsub = PubSub::<Dynamic>::in_process();
    let next = RefCell::new(0_u64);
    bencher.bench_local(|| {
        let mut next = next.borrow_mut();
        *next += 1;
        drop(pubsub.subscribe_to("reply", &*next.to_string()).into_future().now_or_never().unwrap().unwrap());
    });
}
