//! What a target says of itself.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use alk_pubsub_core::{
    Bounds, Dynamic, Encoding, Error, Event, EventTarget, Feed, FeedItem, Framing, Gap, GapReason,
    InProcessEventTarget, LatencyProbe, LatencySample, Overflow, PubSub, Published, Receivers,
    RoutedEventTarget, Router, Scope, Subscription, TargetFuture, Upstream,
};
use futures_util::FutureExt;
use serde_json::Value;

/// The most by which the number of waiting events is off for a subscription that does not rest.
const CHUNK: u64 = 32;

async fn publish(pubsub: &PubSub<Dynamic>, events: u64) {
    for number in 0..events {
        pubsub.publish("tick", "a", number.into()).await.unwrap();
    }
}

/// Takes all there is, and waits for more.
fn rest(subscription: &mut Subscription<Value>) {
    while tokio::task::unconstrained(subscription.recv()).now_or_never().is_some() {}
}

#[tokio::test]
async fn what_waits() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let waiting = || pubsub.stats().waiting;
    let mut fast = pubsub.subscribe("tick").await.unwrap();
    let mut idle = pubsub.subscribe("tick").await.unwrap();
    let mut slow = pubsub.subscribe("tick").await.unwrap();
    assert_eq!(waiting(), 0);
    rest(&mut idle);
    assert_eq!(waiting(), 0, "who waits before anything was published");

    publish(&pubsub, 100).await;
    assert_eq!(waiting(), 300, "nobody has read anything");
    rest(&mut fast);
    rest(&mut idle);
    assert_eq!(waiting(), 100);
    publish(&pubsub, 100).await;
    rest(&mut fast);
    rest(&mut idle);
    assert_eq!(waiting(), 200);

    for _ in 0..150 {
        slow.recv().await.unwrap();
    }
    assert!((50..50 + CHUNK).contains(&waiting()), "{} for 50", waiting());
    // Somebody who comes now has nothing behind, whatever waits for others.
    let mut late = pubsub.subscribe("tick").await.unwrap();
    rest(&mut late);
    assert!((50..50 + CHUNK).contains(&waiting()), "{} for 50", waiting());
    drop(slow);
    assert_eq!(waiting(), 0);
}

#[tokio::test]
async fn what_waits_is_bounded_as_queues_are() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let _stalled = pubsub.subscribe("tick").capacity(10).await.unwrap();
    let mut latest = pubsub.subscribe("tick").overflow(Overflow::Latest).capacity(4).await.unwrap();
    publish(&pubsub, 1000).await;
    let waiting = pubsub.stats().waiting;
    assert!((11..=14).contains(&waiting), "ten, and what the other keeps: {waiting}");
    rest(&mut latest);
    assert_eq!(pubsub.stats().waiting, 10);
}

#[tokio::test]
async fn gaps_by_their_reason() {
    let mut router = None;
    let target = RoutedEventTarget::new(|given: Router| {
        router = Some(given.clone());
        Reconnecting(given)
    });
    let router = router.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target);
    let mut ticks = pubsub.subscribe("tick").capacity(2).await.unwrap();
    let mut others = pubsub.subscribe("other").await.unwrap();
    publish(&pubsub, 5).await;
    rest(&mut ticks);
    router.report_gap(None, Gap::new(GapReason::Reconnected, None));
    router.report_gap(Some(ticks.interest()), Gap::new(GapReason::Remote, Some(7)));
    rest(&mut ticks);
    rest(&mut others);
    let stats = pubsub.stats();
    let counted: Vec<_> =
        stats.gaps.iter().map(|(reason, count)| (reason.as_str(), count.gaps, count.missed)).collect();
    let expected = [
        ("slow_consumer", 1, 3),
        ("upstream_reconnected", 2, 0),
        ("upstream_lag", 0, 0),
        ("undecodable", 0, 0),
        ("remote", 1, 7),
    ];
    assert_eq!(counted, expected);
    assert_eq!((stats.missed, stats.gaps.of(GapReason::Remote).missed, stats.reconnects), (3, 7, 5));
}

/// Delivers what is published, and was connected again five times.
struct Reconnecting(Router);

impl Upstream for Reconnecting {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        self.0.deliver(event, Scope::ALL);
        Ok(Published { receivers: Receivers::Unknown })
    }

    fn reconnects(&self) -> u64 {
        5
    }
}

struct Json;

impl Framing for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(envelope);
    }
}

/// The events that a feed hands out, and the samples behind them.
fn poll(feed: &mut Feed) -> (u64, Vec<LatencySample>) {
    let (mut seen, mut samples) = (0, Vec::new());
    let _ =
        feed.poll_items(&mut Context::from_waker(Waker::noop()), &Json, 1 << 20, &mut |item| match item {
            FeedItem::Frames { events, .. } => seen += events,
            FeedItem::Timed(sample) => {
                assert!(seen > 0, "behind the frame that it is of");
                samples.push(sample);
            }
            other => panic!("{other:?}"),
        });
    (seen, samples)
}

#[tokio::test]
async fn one_event_is_timed_each_time_that_the_probe_is_armed() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let times = Arc::new(Mutex::new(Vec::new()));
    let probe = {
        let times = times.clone();
        LatencyProbe::new(move |time| times.lock().unwrap().push(time))
    };
    assert!(target.probe_latency(probe.clone()));
    assert!(!pubsub.target().probe_latency(LatencyProbe::new(|_| {})), "there is one");

    let mut feeds = [Feed::new(), Feed::new()];
    for feed in &mut feeds {
        let subscription = target.subscribe_raw("tick".parse().unwrap(), Bounds::default()).await.unwrap();
        feed.insert(subscription);
    }
    publish(&pubsub, 3).await;
    assert!(feeds.iter_mut().all(|feed| matches!(poll(feed), (3, samples) if samples.is_empty())));

    probe.arm();
    probe.arm();
    publish(&pubsub, 50).await;
    for feed in &mut feeds {
        let (seen, samples) = poll(feed);
        assert_eq!((seen, samples.len()), (50, 1));
        for sample in samples {
            sample.written();
        }
    }
    assert_eq!(times.lock().unwrap().len(), 2, "once for each feed");
    publish(&pubsub, 50).await;
    assert!(poll(&mut feeds[0]).1.is_empty(), "one, and no other");

    probe.arm();
    publish(&pubsub, 1).await;
    drop(poll(&mut feeds[0]));
    assert_eq!(times.lock().unwrap().len(), 2, "what is not written is not counted");
}
