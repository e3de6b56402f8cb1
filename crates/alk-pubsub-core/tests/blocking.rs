//! `Overflow::Block`: the publisher waits, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use alk_pubsub_core::{
    Bounds, Dynamic, Error, ErrorKind, EventTarget, InProcessEventTarget, Overflow, PubSub, Published,
    Subscription, TargetFuture,
};
use futures_util::FutureExt;
use serde_json::{Value, json};

use support::{event, within};

fn block(events: usize) -> Bounds {
    Bounds::default().events(events).overflow(Overflow::Block)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A target with subscriptions of `a:1` and `a`, all full.
struct Full {
    target: InProcessEventTarget,
    of_topic: Vec<Subscription<Value>>,
    of_type: Subscription<Value>,
    events: u64,
}

type Dispatch = TargetFuture<Result<Published, Error>>;

impl Full {
    async fn new(readers: usize, events: usize) -> Self {
        let target = InProcessEventTarget::in_process();
        let pubsub = PubSub::<Dynamic>::new(target.clone());
        let mut of_topic = Vec::new();
        for _ in 0..readers {
            of_topic.push(pubsub.subscribe_to("a", "1").bounds(block(events)).await.unwrap());
        }
        let of_type = pubsub.subscribe("a").bounds(block(events)).await.unwrap();
        for number in 0..events {
            pubsub.try_publish("a", "1", json!(number)).unwrap();
        }
        Self { target, of_topic, of_type, events: events as u64 }
    }

    /// A publisher that waits, polled until it does not ask to be polled again by itself.
    fn waiting(&self) -> (Dispatch, Arc<Woken>) {
        let mut dispatch = self.target.dispatch_event(event("a:1", self.events));
        let woken = wait(&mut dispatch);
        (dispatch, woken)
    }
}

fn poll(dispatch: &mut Dispatch, woken: &Arc<Woken>) -> Poll<Result<Published, Error>> {
    dispatch.poll_unpin(&mut Context::from_waker(&Waker::from(woken.clone())))
}

fn wait(dispatch: &mut Dispatch) -> Arc<Woken> {
    let woken = Arc::new(Woken::default());
    loop {
        assert!(poll(dispatch, &woken).is_pending());
        if woken.0.swap(0, Ordering::SeqCst) == 0 {
            return woken;
        }
    }
}

fn times(woken: &Woken) -> usize {
    woken.0.load(Ordering::SeqCst)
}

#[tokio::test]
async fn try_publish_says_that_it_would_block_and_delivers_to_nobody() {
    let mut full = Full::new(1, 2).await;
    let pubsub = PubSub::<Dynamic>::new(full.target.clone());
    let mut other = pubsub.subscribe_all().await.unwrap();
    let error = pubsub.try_publish("a", "1", json!("too much")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(error.is_retryable());
    assert!(other.try_recv().is_err());

    assert_eq!(full.of_topic[0].try_recv().unwrap().payload(), &json!(0));
    assert_eq!(full.of_type.try_recv().unwrap().payload(), &json!(0));
    pubsub.try_publish("a", "1", json!(2)).unwrap();
    assert_eq!(pubsub.try_publish("a", "1", json!(3)).unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Of many, one is enough.
#[tokio::test]
async fn a_publisher_waits_until_there_is_room_for_one() {
    for events in [1, 2, 64, 255, 256, 1024] {
        let mut full = Full::new(1, events).await;
        let (mut dispatch, woken) = full.waiting();
        full.of_topic[0].recv().await.unwrap();
        assert_eq!(times(&woken), 1, "the topic has room, of {events}");
        assert!(poll(&mut dispatch, &woken).is_pending());
        full.of_type.recv().await.unwrap();
        assert_eq!(times(&woken), 2, "the type has room, of {events}");
        let Poll::Ready(published) = poll(&mut dispatch, &woken) else { panic!("there is room") };
        assert_eq!(published.unwrap(), Published::exact(2));
    }
}

#[tokio::test]
async fn it_is_woken_by_the_last_that_is_full_and_by_nobody_before() {
    let mut full = Full::new(5, 3).await;
    let (mut dispatch, woken) = full.waiting();
    for reader in full.of_topic.iter_mut().rev() {
        assert_eq!(times(&woken), 0);
        reader.recv().await.unwrap();
    }
    assert_eq!(times(&woken), 1, "the topic has room");
    let woken = wait(&mut dispatch);
    full.of_type.recv().await.unwrap();
    assert_eq!(times(&woken), 1, "the type has room");
    assert!(poll(&mut dispatch, &woken).is_ready());
}

#[tokio::test]
async fn dropping_who_is_full_lets_the_publisher_go_on() {
    let Full { target, mut of_topic, of_type, events } = Full::new(2, 3).await;
    let mut dispatch = target.dispatch_event(event("a:1", events));
    drop(of_type);
    let woken = wait(&mut dispatch);
    of_topic[1].recv().await.unwrap();
    drop(of_topic.remove(0));
    assert_eq!(times(&woken), 1);
    assert!(poll(&mut dispatch, &woken).is_ready());

    let mut dispatch = target.dispatch_event(event("a:1", events + 1));
    let woken = wait(&mut dispatch);
    drop(of_topic);
    assert_eq!(times(&woken), 1);
    let Poll::Ready(published) = poll(&mut dispatch, &woken) else { panic!("nobody is there") };
    assert_eq!(published.unwrap(), Published::exact(0));
}

#[tokio::test]
async fn a_publisher_that_gives_up_leaves_neither_its_event_nor_its_waker() {
    let mut full = Full::new(1, 2).await;
    for _ in 0..100 {
        let (dispatch, woken) = full.waiting();
        assert!(Arc::strong_count(&woken) > 1, "the log can wake it");
        drop(dispatch);
        assert_eq!(Arc::strong_count(&woken), 1, "and does not keep what is gone");
    }
    for number in 0..2 {
        assert_eq!(full.of_topic[0].recv().await.unwrap().payload(), &json!(number));
        assert_eq!(full.of_type.recv().await.unwrap().payload(), &json!(number));
    }
    assert!(full.of_topic[0].try_recv().is_err());
}

#[tokio::test]
async fn closing_tells_who_waits() {
    let mut full = Full::new(1, 2).await;
    let (mut dispatch, woken) = full.waiting();
    assert!(full.target.close().await.is_ok());
    assert_eq!(times(&woken), 1);
    let Poll::Ready(published) = poll(&mut dispatch, &woken) else { panic!("it is closed") };
    assert_eq!(published.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(full.of_type.recv().await.unwrap().payload(), &json!(0));
    assert_eq!(full.of_type.recv().await.unwrap().payload(), &json!(1));
    assert!(full.of_type.recv().await.is_none());
}

#[tokio::test]
async fn several_publishers_that_wait_all_come_through() {
    let target = InProcessEventTarget::in_process();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut subscription = pubsub.subscribe("a").bounds(block(1)).await.unwrap();
    let publishers: Vec<_> = (0..20)
        .map(|publisher| {
            let pubsub = pubsub.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    pubsub.publish("a", "1", json!([publisher, number])).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 20];
    for _ in 0..20 * 50 {
        let event = within(subscription.recv()).await.unwrap();
        let (publisher, number): (usize, u64) = serde_json::from_value(event.payload().clone()).unwrap();
        assert_eq!(number, next[publisher]);
        next[publisher] += 1;
    }
    for publisher in publishers {
        within(publisher).await.unwrap();
    }
}

/// Publishers and readers on threads of their own, none of which looks twice unless it is woken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sleeps_through_a_wake_up() {
    for (events, readers, publishers) in [(1, 1, 1), (1, 3, 2), (3, 2, 3), (300, 2, 2), (1024, 3, 1)] {
        let pubsub = PubSub::<Dynamic>::in_process();
        let mut tasks = Vec::new();
        for reader in 0..readers {
            let to = if reader % 2 == 0 { pubsub.subscribe_to("a", "1") } else { pubsub.subscribe("a") };
            let mut subscription = to.bounds(block(events)).await.unwrap();
            tasks.push(tokio::spawn(async move {
                let mut received = 0;
                while subscription.recv().await.is_some() {
                    received += 1;
                }
                (received, subscription.missed())
            }));
        }
        let publishers: Vec<_> = (0..publishers)
            .map(|_| {
                let pubsub = pubsub.clone();
                tokio::spawn(async move {
                    for number in 0..10_000 {
                        pubsub.publish("a", "1", json!(number)).await.unwrap();
                    }
                })
            })
            .collect();
        let expected = 10_000 * publishers.len();
        for publisher in publishers {
            within(publisher).await.unwrap();
        }
        pubsub.close().await.unwrap();
        for task in tasks {
            assert_eq!(within(task).await.unwrap(), (expected, 0));
        }
    }
}

/// The trap that the documentation shows.
#[tokio::test]
async fn a_dispatch_that_waits_is_not_driven_by_another() {
    let full = Full::new(1, 1).await;
    let (first, _) = full.waiting();
    let mut second = pin!(full.target.dispatch_event(event("a:1", 2)));
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
}

/// Links, readers and all else of a current-thread runtime have their turn beside a task that does nothing but publish.
#[tokio::test]
async fn who_publishes_without_end_lets_others_run() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let publisher = pubsub.publisher("a", "1").unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let ran = ran.clone();
        async move { ran.store(true, Ordering::SeqCst) }
    });
    let mut published = 0;
    while !ran.load(Ordering::SeqCst) && published < 10_000 {
        publisher.publish(1.into()).await.unwrap();
        published += 1;
    }
    assert!(published < 10_000, "nobody else ran");
    other.await.unwrap();
}
