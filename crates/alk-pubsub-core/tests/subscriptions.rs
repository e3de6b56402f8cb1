//! What a subscription can do, and that its futures may be dropped at any time.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::pin::pin;

use alk_pubsub_core::{
    Bounds, Delivery, Dynamic, EventMap, EventOf, EventTarget, EventType, Gap, GapReason, NameError,
    Overflow, PubSub, TryRecvError, event_map,
};
use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};

use support::{Wire, within};

async fn with(numbers: std::ops::Range<u64>) -> (PubSub<Dynamic>, alk_pubsub_core::Subscription<Value>) {
    let pubsub = PubSub::<Dynamic>::in_process();
    let subscription = pubsub.subscribe("a").await.unwrap();
    for number in numbers {
        pubsub.publish("a", "1", json!(number)).await.unwrap();
    }
    (pubsub, subscription)
}

fn numbers<P: serde::Serialize>(
    events: impl IntoIterator<Item = alk_pubsub_core::EventEnvelope<P>>,
) -> Vec<u64> {
    let number = |event: alk_pubsub_core::EventEnvelope<P>| {
        serde_json::to_value(event.payload()).unwrap().as_u64().unwrap()
    };
    events.into_iter().map(number).collect()
}

#[tokio::test]
async fn events_wait_before_the_first_poll() {
    let (pubsub, mut subscription) = with(0..3).await;
    assert_eq!((subscription.len(), subscription.is_empty()), (3, false));
    assert_eq!(subscription.interest().to_string(), "a");
    let event = subscription.recv().await.unwrap();
    assert_eq!((event.event_type(), event.id(), event.payload()), ("a", "1", &json!(0)));
    assert_eq!(subscription.try_recv().unwrap().payload(), &json!(1));
    assert_eq!(subscription.try_recv().unwrap().payload(), &json!(2));
    assert_eq!(subscription.try_recv().unwrap_err(), TryRecvError::Empty);
    assert!(subscription.is_empty());
    let stats = pubsub.stats();
    assert_eq!((stats.published, stats.delivered, stats.missed), (3, 3, 0));
    assert_eq!((stats.interests, stats.subscribers), (1, 1));
}

#[tokio::test]
async fn it_is_a_stream() {
    let (pubsub, subscription) = with(0..5).await;
    pubsub.close().await.unwrap();
    assert_eq!(subscription.size_hint(), (0, None));
    let even = subscription.filter(|event| std::future::ready(event.payload().as_u64().unwrap() % 2 == 0));
    assert_eq!(numbers(even.collect::<Vec<_>>().await), [0, 2, 4]);
}

#[tokio::test]
async fn recv_many_takes_what_there_is() {
    let (pubsub, mut subscription) = with(0..5).await;
    let mut events = Vec::new();
    assert_eq!(subscription.recv_many(&mut events, 0).await, 0);
    assert_eq!(subscription.recv_many(&mut events, 2).await, 2);
    assert_eq!(subscription.recv_many(&mut events, 100).await, 3);
    assert!(subscription.recv_many(&mut events, 100).now_or_never().is_none());
    pubsub.publish("a", "1", json!(5)).await.unwrap();
    assert_eq!(subscription.recv_many(&mut events, 100).await, 1);
    pubsub.close().await.unwrap();
    assert_eq!(subscription.recv_many(&mut events, 100).await, 0);
    assert_eq!(numbers(events), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn dropping_a_receive_loses_nothing() {
    let (pubsub, mut subscription) = with(0..0).await;
    let mut events = Vec::new();
    for number in 0..200 {
        assert!(subscription.recv().now_or_never().is_none());
        assert!(subscription.recv_many(&mut events, 3).now_or_never().is_none());
        pubsub.publish("a", "1", json!(number)).await.unwrap();
        if number % 2 == 0 {
            assert_eq!(subscription.recv().await.unwrap().payload(), &json!(number));
        } else {
            assert_eq!(subscription.recv_many(&mut events, 3).await, 1);
        }
    }
    assert_eq!(numbers(events), (0..200).filter(|number| number % 2 == 1).collect::<Vec<_>>());
}

/// A receive takes part in the runtime's budget, and what it had to give back is not lost.
#[tokio::test]
async fn a_receive_that_has_to_yield_loses_nothing() {
    let (_pubsub, mut subscription) = with(0..1000).await;
    let mut yields = 0;
    let mut received = Vec::new();
    while received.len() < 1000 {
        let mut receive = pin!(async {
            loop {
                received.push(subscription.recv().await.unwrap().payload().as_u64().unwrap());
                if received.len() == 1000 {
                    break;
                }
            }
        });
        std::future::poll_fn(|cx| {
            if receive.as_mut().poll(cx).is_pending() {
                yields += 1;
                assert!(yields < 100);
            }
            std::task::Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
    assert!(yields > 1, "a long queue is not drained in one go");
    assert_eq!(received, (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn it_moves_between_tasks_while_it_waits() {
    let (pubsub, mut subscription) = with(0..0).await;
    for number in 0..50 {
        // Each task has a waker of its own; the last one that asked is woken.
        let waiting = tokio::spawn(async move {
            assert!(subscription.recv().now_or_never().is_none());
            let event = subscription.recv().await.unwrap();
            (event.payload().clone(), subscription)
        });
        tokio::task::yield_now().await;
        pubsub.publish("a", "1", json!(number)).await.unwrap();
        let (payload, back) = within(waiting).await.unwrap();
        assert_eq!(payload, json!(number));
        subscription = back;
    }
}

/// One gap for what was missed, at the place where it is missing, whatever else happened there.
#[tokio::test]
async fn gaps_stand_where_events_are_missing() {
    let wire = Wire::target();
    let router = wire.upstream().router().clone();
    let pubsub = PubSub::<Dynamic>::new(wire);
    let subscribe = |events| pubsub.subscribe("a").capacity(events);
    let mut patient = subscribe(100).await.unwrap().with_gaps();
    let mut short = subscribe(4).await.unwrap().with_gaps();
    let mut blind = subscribe(100).await.unwrap();
    let publish = |number: u64| pubsub.try_publish("a", "1", json!(number)).unwrap();
    let (lost, back) = (Gap::new(GapReason::TransportLag, Some(3)), Gap::new(GapReason::Reconnected, None));
    publish(0);
    router.report_gap(None, lost);
    router.report_gap(None, lost);
    publish(1);
    router.report_gap(None, back);
    router.report_gap(None, back);
    (2..5).for_each(|number| _ = publish(number));

    let mut seen = Vec::new();
    while let Some(Some(delivery)) = patient.recv().now_or_never() {
        seen.push(
            delivery
                .clone()
                .into_event()
                .map_or_else(|| format!("{delivery:?}"), |event| event.payload().to_string()),
        );
    }
    let both = format!("{:?}", Delivery::<Value>::Gap(Gap::new(GapReason::TransportLag, Some(6))));
    let back_text = format!("{:?}", Delivery::<Value>::Gap(back));
    assert_eq!(seen, ["0", &both, "1", &back_text, "2", "3", "4"]);

    // Of nine entries it may lag four: two events and three gaps are behind that, one gap is not.
    let overflow = Gap::new(GapReason::Overflow, Some(2));
    for gap in [overflow, Gap::new(GapReason::TransportLag, Some(6)), back] {
        assert_eq!(short.recv().await, Some(Delivery::Gap(gap)));
    }
    for number in 2..5 {
        assert_eq!(short.recv().await.unwrap().into_event().unwrap().payload(), &json!(number));
    }
    assert_eq!(short.subscription().missed(), 8);

    // Who does not look at gaps counts them.
    for number in 0..5 {
        assert_eq!(blind.recv().await.unwrap().payload(), &json!(number));
    }
    assert_eq!(blind.missed(), 6);
}

#[tokio::test]
async fn close_ends_the_subscription_that_lags_and_no_other() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let bounds = Bounds::default().events(2);
    let mut closes =
        pubsub.subscribe("a").bounds(bounds.overflow(Overflow::Close)).await.unwrap().with_gaps();
    let mut drops = pubsub.subscribe("a").bounds(bounds).await.unwrap();
    for number in 0..3 {
        pubsub.publish("a", "1", json!(number)).await.unwrap();
    }
    assert_eq!(closes.recv().await, Some(Delivery::Gap(Gap::new(GapReason::Overflow, Some(3)))));
    assert_eq!(closes.recv().await, None);
    pubsub.publish("a", "1", json!(3)).await.unwrap();
    assert_eq!(closes.recv().await, None);
    assert_eq!(numbers([drops.recv().await.unwrap(), drops.recv().await.unwrap()]), [2, 3]);
}

#[tokio::test]
async fn types_topics_and_everything_each_hear_theirs() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let mut all = pubsub.subscribe_all().await.unwrap();
    let mut of_type = pubsub.subscribe("a").await.unwrap();
    let mut of_topic = pubsub.subscribe_to("a", "x:y").await.unwrap();
    let mut of_empty = pubsub.subscribe_to("a", "").await.unwrap();
    for (number, (event_type, id)) in
        [("a", "x:y"), ("a", ""), ("a", "*"), ("b", "x:y"), ("a.a", "")].into_iter().enumerate()
    {
        pubsub.publish(event_type, id, json!(number)).await.unwrap();
    }
    let take = |subscription: &mut alk_pubsub_core::Subscription<Value>| {
        let mut events = Vec::new();
        while let Ok(event) = subscription.try_recv() {
            events.push(event);
        }
        numbers(events)
    };
    assert_eq!(take(&mut all), [0, 1, 2, 3, 4]);
    assert_eq!(take(&mut of_type), [0, 1, 2]);
    assert_eq!(take(&mut of_topic), [0]);
    assert_eq!(take(&mut of_empty), [1]);
}

event_map! {
    /// Documented, public, with attributes.
    pub struct Attributed {
        /// An event.
        #[allow(dead_code, reason = "it is there to be there")]
        First("first") => (),
        Second("second") => Option<u8>
    }
}

#[tokio::test]
async fn an_event_map_knows_its_events() {
    assert_eq!(Attributed::EVENT_TYPES, ["first", "second"]);
    let pubsub = PubSub::<Attributed>::in_process();
    let mut seconds = pubsub.subscribe(Second).await.unwrap();
    pubsub.publish(Second, "", Some(1)).await.unwrap();
    assert_eq!(seconds.recv().await.unwrap().payload(), &Some(1));
    pubsub.publish(First, "", ()).await.unwrap();
}

/// A map can be written by hand, for names that are known at run time only.
#[tokio::test]
async fn an_event_map_can_be_written_by_hand() {
    struct Tenants;
    struct Tenant(u32);
    impl EventMap for Tenants {}
    impl EventOf<Tenants> for Tenant {
        type Payload = String;
        fn event_type(self) -> Result<EventType, NameError> {
            EventType::new(format!("tenant-{}", self.0))
        }
    }
    let pubsub = PubSub::<Tenants>::in_process();
    let mut of_five = pubsub.subscribe(Tenant(5)).await.unwrap();
    pubsub.publish(Tenant(4), "", "four".to_owned()).await.unwrap();
    pubsub.publish(Tenant(5), "", "five".to_owned()).await.unwrap();
    assert_eq!(of_five.recv().await.unwrap().into_payload(), "five");
    assert_eq!(pubsub.target().interests(9).len(), 1);
}

/// There may be very many.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_subscription_is_small() {
    assert!(size_of::<alk_pubsub_core::Subscription<Value>>() <= 112);
}
