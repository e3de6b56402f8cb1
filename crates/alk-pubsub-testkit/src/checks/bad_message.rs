//! Promise 7: one bad message harms nobody.

use alk_pubsub_core::{Delivery, Gap, GapReason, PubSub};
use serde_json::json;

use crate::kit::Kit;
use crate::numbers::{NUMBER, Number, Numbers, next, publish, subscribed};

pub(super) async fn what_cannot_be_decoded_is_a_gap_and_the_stream_goes_on(kit: Kit) {
    let typed = PubSub::<Numbers>::over(kit.subscriber().clone());
    let mut numbers = subscribed(typed.subscribe(Number)).await;
    let mut gaps = subscribed(typed.subscribe_to(Number, "1")).await.with_gaps();
    let mut values = subscribed(kit.subscribing().subscribe(NUMBER)).await;
    let sent = [json!(1), json!("two"), json!({"three": 3}), json!(4)];
    for payload in &sent {
        Kit::within(kit.publishing().publish(NUMBER, "1", payload.clone())).await.expect("published");
    }
    for expected in [1, 4] {
        assert_eq!(Kit::within(numbers.recv()).await.expect("open").payload(), &expected);
    }
    assert_eq!(numbers.missed(), 2);

    // Where an event arrives after the gap was read, the gap of it is another.
    let (mut missed, mut seen) = (0, Vec::new());
    while seen.len() < 2 {
        match Kit::within(gaps.recv()).await.expect("open") {
            Delivery::Event(event) => seen.push((*event.payload(), missed)),
            Delivery::Gap(gap) => {
                assert_eq!(gap, Gap::new(GapReason::Undecodable, gap.missed()));
                missed += gap.missed().expect("a count");
            }
        }
    }
    assert_eq!(seen, [(1, 0), (4, 2)]);
    for payload in &sent {
        assert_eq!(Kit::within(values.recv()).await.expect("open").payload(), payload);
    }
    assert_eq!(values.missed(), 0);
}

pub(super) async fn what_is_no_event_harms_nobody(kit: Kit) {
    let mut values = subscribed(kit.subscribing().subscribe(NUMBER)).await;
    publish(&kit.publishing(), "1", 1).await;
    assert_eq!(next(&mut values).await, 1);
    let topic = format!("{NUMBER}:1").parse().expect("a topic");
    for bytes in [
        &b""[..],
        b"{",
        b"null",
        b"\xff\xfe",
        b"{\"type\":\"number\",\"id\":\"1\",\"payload\":\"\xff\"}",
        br#"{"type":"__close","id":"","payload":{}}"#,
        br#"{"type":"a b","id":"1","payload":1}"#,
    ] {
        kit.send_raw(&topic, bytes).await;
    }
    // The connection may have been lost over it, but not for good.
    let mut sent = 1;
    let mut received = None;
    Kit::until(|| {
        sent += 1;
        let _ = kit.publishing().try_publish(NUMBER, "1", json!(sent));
        received = values.try_recv().ok();
        received.is_some()
    })
    .await;
    let number = received.and_then(|event| event.payload().as_u64());
    assert!(number.is_some_and(|number| (2..=sent).contains(&number)), "{number:?}");
}
