//! Promise 5: bounded lag.
//!
//! A witness that reads along tells when an event has arrived: it subscribed last, so all others have it too.

use alk_pubsub_core::{Bounds, Delivery, ErrorKind, Overflow, Subscription, WithGaps};
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::kit::Kit;
use crate::numbers::{NUMBER, next, publish, publish_all, subscribed, take};

async fn subscribe(kit: &Kit, bounds: Bounds) -> Subscription<Value> {
    subscribed(kit.subscribing().subscribe(NUMBER).bounds(bounds)).await
}

/// Publishes numbers, each on the topic of its last digit, and waits until they have arrived.
async fn arrive(kit: &Kit, numbers: std::ops::Range<u64>) {
    let mut witness = subscribed(kit.subscribing().subscribe(NUMBER)).await;
    for number in numbers {
        publish(&kit.publishing(), &(number % 10).to_string(), number).await;
        next(&mut witness).await;
    }
}

pub(super) async fn drop_oldest_leaves_out_the_oldest(kit: Kit) {
    let mut subscription = subscribe(&kit, Bounds::default().events(4)).await;
    arrive(&kit, 0..20).await;
    assert_eq!(take(&mut subscription, 4).await, [16, 17, 18, 19]);
    assert_eq!(subscription.missed(), 16);
    arrive(&kit, 20..23).await;
    assert_eq!(take(&mut subscription, 3).await, [20, 21, 22]);
    assert_eq!(subscription.missed(), 16);
}

/// Where events are encoded. Of values that stay in one process nobody knows how large they are.
pub(super) async fn no_more_bytes_wait_than_were_allowed(kit: Kit) {
    // An envelope of these has something more than 1000 bytes, so that three of them are too many.
    let text = |number: usize, size: usize| json!(format!("{number:02}{}", "x".repeat(size)));
    let mut subscription = subscribe(&kit, Bounds::default().bytes(3000)).await.with_gaps();
    let mut witness = subscribe(&kit, Bounds::default()).await;
    let sizes = [1000; 20].into_iter().chain([5000]).enumerate();
    for (number, size) in sizes {
        Kit::within(kit.publishing().publish(NUMBER, "1", text(number, size))).await.expect("published");
        Kit::within(witness.recv()).await.expect("open");
        if size == 1000 && number == 19 {
            assert_eq!(read_texts(&mut subscription, 2).await, (vec![18, 19], 18));
        }
    }
    // One that is larger than all that may wait comes all the same.
    assert_eq!(read_texts(&mut subscription, 1).await, (vec![20], 0));
    assert_eq!(witness.missed(), 0);
}

/// The numbers that so many texts begin with, and how many events were missed before and between them.
async fn read_texts(subscription: &mut WithGaps<Value>, texts: usize) -> (Vec<u64>, u64) {
    let (mut numbers, mut missed) = (Vec::new(), 0);
    while numbers.len() < texts {
        match Kit::within(subscription.recv()).await.expect("open") {
            Delivery::Event(event) => {
                let text = event.payload().as_str().expect("a text");
                numbers.push(text[..2].parse().expect("a number"));
            }
            Delivery::Gap(gap) => missed += gap.missed().expect("a count"),
        }
    }
    (numbers, missed)
}

pub(super) async fn latest_keeps_the_newest_event_of_each_topic(kit: Kit) {
    let bounds = Bounds::default().events(4).overflow(Overflow::Latest);
    let mut subscription = subscribe(&kit, bounds).await;
    // A queue like any other while it is not full.
    arrive(&kit, 0..4).await;
    assert_eq!(take(&mut subscription, 4).await, [0, 1, 2, 3]);
    // One that changed once, and one that changes all the time.
    let mut witness = subscribed(kit.subscribing().subscribe(NUMBER)).await;
    publish(&kit.publishing(), "rare", 100).await;
    publish_all(&kit.publishing(), "busy", 0..20).await;
    take(&mut witness, 21).await;
    let mut kept = take(&mut subscription, 2).await;
    // There is no order across topics.
    kept.sort_unstable();
    assert_eq!(kept, [19, 100]);
    assert_eq!((subscription.missed(), subscription.is_empty()), (19, true));
}

pub(super) async fn close_ends_the_one_that_lags(kit: Kit) {
    let mut closes = subscribe(&kit, Bounds::default().events(4).overflow(Overflow::Close)).await;
    let mut stays = subscribe(&kit, Bounds::default()).await;
    arrive(&kit, 0..5).await;
    assert!(Kit::within(closes.recv()).await.is_none());
    assert_eq!(closes.missed(), 5);
    assert_eq!(take(&mut stays, 5).await, [0, 1, 2, 3, 4]);
}

pub(super) async fn block_makes_the_publisher_wait(kit: Kit) {
    let mut full = subscribe(&kit, Bounds::default().events(4).overflow(Overflow::Block)).await;
    let mut reads = subscribe(&kit, Bounds::default()).await;
    let publishing = kit.publishing();
    let publisher = tokio::spawn(async move { publish_all(&publishing, "1", 0..200).await });
    // Whoever reads is never more than the other's bound ahead.
    for number in 0..200 {
        assert!(full.len() <= 4);
        assert_eq!(next(&mut full).await, number);
        assert_eq!(next(&mut reads).await, number);
    }
    Kit::within(publisher).await.expect("the publisher");
    assert_eq!((full.missed(), reads.missed()), (0, 0));
}

pub(super) async fn try_publish_does_not_wait(kit: Kit) {
    let mut full = subscribe(&kit, Bounds::default().events(1).overflow(Overflow::Block)).await;
    let publishing = kit.publishing();
    let refused =
        |number: u64| publishing.try_publish(NUMBER, "1", json!(number)).map_err(|error| error.kind());
    let mut last = 0;
    // Between threads one more may be on its way.
    while refused(last) != Err(ErrorKind::WouldBlock) {
        last += 1;
        assert!(last < 100_000, "it never would block");
        tokio::task::yield_now().await;
    }
    assert!(last > 0);
    for number in 0..last {
        assert_eq!(next(&mut full).await, number);
    }
    publish(&publishing, "1", last).await;
    assert_eq!(next(&mut full).await, last);
}

pub(super) async fn dropping_who_is_full_releases_the_publisher(kit: Kit) {
    let full = subscribe(&kit, Bounds::default().events(1).overflow(Overflow::Block)).await;
    let publishing = kit.publishing();
    let mut waiting = Box::pin(publish_all(&publishing, "1", 0..100_000));
    // Until it waits for good.
    while full.is_empty() {
        assert!((&mut waiting).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert!((&mut waiting).now_or_never().is_none());
    drop(full);
    Kit::within(waiting).await;
}

pub(super) async fn block_is_refused_where_it_cannot_be_kept(kit: Kit) {
    let refused = Kit::within(kit.subscribing().subscribe(NUMBER).overflow(Overflow::Block)).await;
    assert_eq!(refused.expect_err("publishers do not wait here").kind(), ErrorKind::Unsupported);
}

pub(super) async fn a_stalled_subscriber_delays_nobody(kit: Kit) {
    let mut stalled = subscribe(&kit, Bounds::default().events(4)).await;
    let latest = subscribe(&kit, Bounds::default().events(4).overflow(Overflow::Latest)).await;
    let closes = subscribe(&kit, Bounds::default().events(4).overflow(Overflow::Close)).await;
    let mut reads = subscribed(kit.subscribing().subscribe(NUMBER)).await;
    for number in 0..3000 {
        publish(&kit.publishing(), "1", number).await;
        assert_eq!(next(&mut reads).await, number);
    }
    assert_eq!(reads.missed(), 0);
    assert!(latest.len() <= 4);
    assert_eq!(take(&mut stalled, 4).await, [2996, 2997, 2998, 2999]);
    drop(closes);
}

pub(super) async fn a_bound_of_nothing_is_refused(kit: Kit) {
    for bounds in [Bounds::default().events(0), Bounds::default().bytes(0)] {
        let refused = Kit::within(kit.subscribing().subscribe(NUMBER).bounds(bounds)).await;
        assert_eq!(refused.expect_err("nothing fits in there").kind(), ErrorKind::Unsupported);
    }
}
