//! Payloads: shared in process, decoded once, encoded once, digits and text preserved.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use alk_pubsub_core::{
    Bounds, Delivery, Dynamic, Encoding, ErrorKind, Event, EventEnvelope, EventTarget, Feed, FeedItem,
    Framing, Gap, GapReason, InProcessEventTarget, PubSub, TryRecvError, event_map,
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use support::topic;

fn raw(envelope: &str) -> Event {
    Event::from_encoded(Encoding::JSON, Bytes::copy_from_slice(envelope.as_bytes())).unwrap()
}

/// A payload that counts how often it is encoded and decoded, a type of its own for each test.
macro_rules! counted {
    ($name:ident, $encoded:ident, $decoded:ident) => {
        static $encoded: AtomicUsize = AtomicUsize::new(0);
        static $decoded: AtomicUsize = AtomicUsize::new(0);

        #[derive(Debug)]
        struct $name(u64);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $encoded.fetch_add(1, Ordering::SeqCst);
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $decoded.fetch_add(1, Ordering::SeqCst);
                u64::deserialize(deserializer).map($name)
            }
        }
    };
}

counted!(Shared, SHARED_ENCODED, SHARED_DECODED);
counted!(Once, ONCE_ENCODED, ONCE_DECODED);
counted!(Often, OFTEN_ENCODED, OFTEN_DECODED);
counted!(Framed, FRAMED_ENCODED, FRAMED_DECODED);

event_map! {
    struct SharedEvents { SharedSent("a") => Shared }
}

event_map! {
    struct OnceEvents { OnceSent("a") => Once }
}

event_map! {
    struct Numbers { Number("a") => u64 }
}

#[tokio::test]
async fn in_process_nothing_is_encoded_and_all_share_one_payload() {
    let pubsub = PubSub::<SharedEvents>::in_process();
    let mut one = pubsub.subscribe(SharedSent).await.unwrap();
    let mut two = pubsub.subscribe_to(SharedSent, "1").await.unwrap();
    pubsub.publish(SharedSent, "1", Shared(5)).await.unwrap();
    let (one, two) = (one.recv().await.unwrap(), two.recv().await.unwrap());
    assert_eq!(one.payload().0, 5);
    assert!(std::ptr::eq(one.payload(), two.payload()));
    assert_eq!((SHARED_ENCODED.load(Ordering::SeqCst), SHARED_DECODED.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn bytes_are_decoded_once_for_all_that_want_the_same_type_and_not_by_others() {
    let target = InProcessEventTarget::in_process();
    let typed = PubSub::<OnceEvents>::new(target.clone());
    let dynamic = PubSub::<Dynamic>::new(target.clone());
    let mut firehose = dynamic.subscribe_all().await.unwrap();
    let mut subscriptions = Vec::new();
    for _ in 0..5 {
        subscriptions.push(typed.subscribe(OnceSent).await.unwrap());
    }
    target.try_dispatch_event(raw(r#"{"type":"a","id":"1","payload":7}"#)).unwrap();
    assert_eq!(ONCE_DECODED.load(Ordering::SeqCst), 0, "nobody has asked");
    // One of another type was first.
    assert_eq!(firehose.recv().await.unwrap().payload(), &json!(7));
    let mut payloads = Vec::new();
    for subscription in &mut subscriptions {
        payloads.push(subscription.recv().await.unwrap());
    }
    assert!(payloads.iter().all(|event| std::ptr::eq(event.payload(), payloads[0].payload())));
    assert_eq!((ONCE_ENCODED.load(Ordering::SeqCst), ONCE_DECODED.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn a_value_is_encoded_once_for_each_encoding() {
    let event = Event::new(topic("a:1"), Often(7));
    let other = event.clone();
    let first = event.encode(&Encoding::JSON).unwrap();
    assert_eq!(first, r#"{"type":"a","id":"1","payload":7}"#);
    assert_eq!(other.encode(&Encoding::JSON).unwrap().as_ptr(), first.as_ptr());
    assert_eq!(OFTEN_ENCODED.load(Ordering::SeqCst), 1);
    #[cfg(feature = "msgpack")]
    {
        let second = event.encode(&Encoding::MSGPACK).unwrap();
        assert_eq!(other.encode(&Encoding::MSGPACK).unwrap().as_ptr(), second.as_ptr());
        assert_eq!(OFTEN_ENCODED.load(Ordering::SeqCst), 2);
    }
    assert_eq!(OFTEN_DECODED.load(Ordering::SeqCst), 0);
}

/// Lines of envelopes, each framing with a name of its own.
struct Lines(&'static str);

impl Framing for Lines {
    fn name(&self) -> &'static str {
        self.0
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(envelope);
        out.push(b'\n');
    }
}

/// Most events leave by one way, and of those no bytes are kept; those that leave by many are not encoded for each.
#[tokio::test]
async fn a_value_that_leaves_in_many_frames_is_encoded_at_most_twice() {
    let target = InProcessEventTarget::in_process();
    let mut feeds = Vec::new();
    for (name, interest) in [("one", "a:1"), ("one", "a:1"), ("two", "a:1"), ("three", "a:1"), ("one", "a")] {
        let mut feed = Feed::new();
        feed.insert(target.subscribe_raw(interest.parse().unwrap(), Bounds::default()).await.unwrap());
        feeds.push((Lines(name), feed));
    }
    target.try_dispatch_event(Event::new(topic("a:1"), Framed(7))).unwrap();
    let mut encoded = Vec::new();
    for (framing, feed) in &mut feeds {
        let mut text = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = feed.poll_items(&mut cx, framing, usize::MAX, &mut |item| match item {
            FeedItem::Frames { bytes, .. } => text.extend_from_slice(&bytes),
            other => panic!("{other:?}"),
        });
        assert_eq!(text, b"{\"type\":\"a\",\"id\":\"1\",\"payload\":7}\n");
        encoded.push(FRAMED_ENCODED.load(Ordering::SeqCst));
    }
    assert_eq!(encoded, [1, 1, 2, 2, 2]);
}

#[test]
fn an_event_that_came_as_bytes_is_brought_to_another_encoding_once() {
    let event = raw(r#"{"type":"a","id":"1","payload":{"x":[1,2.5,"é",null]}}"#);
    assert_eq!(event.encoded_len(), 55);
    #[cfg(feature = "msgpack")]
    {
        let first = event.encode(&Encoding::MSGPACK).unwrap();
        assert_eq!(event.encode(&Encoding::MSGPACK).unwrap().as_ptr(), first.as_ptr());
        let back = Event::from_encoded(Encoding::MSGPACK, first).unwrap();
        assert_eq!(back.decode::<Value>().unwrap().payload(), &json!({"x": [1, 2.5, "é", null]}));
    }
}

/// Digits that no number type holds, escapes, order and spaces: what passes through is not touched.
#[test]
fn raw_json_is_preserved_byte_for_byte() {
    for payload in [
        "1.50",
        "1e400",
        "-0",
        "123456789012345678901234567890.123456789",
        r#"{"b":1,"a":2,"b":3}"#,
        r#""\u00e9\/\ud83d\ude00""#,
        "[ 1 , 2\t]",
        "null",
        "1.0",
    ] {
        let envelope = format!(r#"{{"payload" :{payload}, "type":"a","meta":{{"n":1.10}},"id":"1"}}"#);
        let event = raw(&envelope);
        assert_eq!(event.encode(&Encoding::JSON).unwrap(), envelope);
        assert_eq!(event.encoded_len(), envelope.len());
    }
}

#[tokio::test]
async fn one_bad_message_harms_nobody() {
    let target = InProcessEventTarget::in_process();
    let mut numbers = PubSub::<Numbers>::new(target.clone()).subscribe(Number).await.unwrap();
    let mut gaps = PubSub::<Numbers>::new(target.clone()).subscribe(Number).await.unwrap().with_gaps();
    let mut values = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.unwrap();
    for payload in ["1", r#""two""#, "{}", "4"] {
        target.try_dispatch_event(raw(&format!(r#"{{"type":"a","payload":{payload}}}"#))).unwrap();
    }
    assert_eq!(numbers.recv().await.unwrap().payload(), &1);
    assert_eq!(numbers.recv().await.unwrap().payload(), &4);
    assert_eq!((numbers.missed(), numbers.try_recv().unwrap_err()), (2, TryRecvError::Empty));

    assert!(matches!(gaps.recv().await, Some(Delivery::Event(_))));
    assert_eq!(gaps.recv().await, Some(Delivery::Gap(Gap::new(GapReason::Undecodable, Some(2)))));
    assert!(matches!(gaps.recv().await, Some(Delivery::Event(_))));

    for payload in [json!(1), json!("two"), json!({}), json!(4)] {
        assert_eq!(values.recv().await.unwrap().payload(), &payload);
    }
    assert_eq!(values.missed(), 0);
}

/// Two programs may have different types for one event, as long as they are written alike.
#[tokio::test]
async fn a_value_of_one_type_is_read_as_another() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Status {
        busy: bool,
    }
    event_map! {
        struct Statuses { Changed("a") => Status }
    }
    let target = InProcessEventTarget::in_process();
    let mut values = PubSub::<Dynamic>::new(target.clone()).subscribe("a").await.unwrap();
    let mut statuses = PubSub::<Statuses>::new(target.clone()).subscribe(Changed).await.unwrap();
    PubSub::<Statuses>::new(target.clone()).publish(Changed, "1", Status { busy: true }).await.unwrap();
    PubSub::<Dynamic>::new(target).publish("a", "2", json!({"busy": false})).await.unwrap();
    assert_eq!(values.recv().await.unwrap().payload(), &json!({"busy": true}));
    assert_eq!(values.recv().await.unwrap().payload(), &json!({"busy": false}));
    assert_eq!(statuses.recv().await.unwrap().payload(), &Status { busy: true });
    assert_eq!(statuses.recv().await.unwrap().payload(), &Status { busy: false });
}

#[test]
fn a_payload_that_is_not_what_was_asked_for_stays_so() {
    let event = raw(r#"{"type":"a","payload":"x"}"#);
    for _ in 0..2 {
        let error = event.decode::<u64>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(event.decode::<String>().unwrap().payload(), "x");
    }
    let unspeakable = Event::new(topic("a:1"), BTreeMap::from([(vec![0u8], 0)]));
    assert_eq!(unspeakable.decode::<Value>().unwrap_err().kind(), ErrorKind::Encode);
}

#[test]
fn a_missing_payload_reads_as_null() {
    for envelope in [r#"{"type":"a"}"#, r#"{"type":"a","payload":null}"#] {
        assert_eq!(raw(envelope).decode::<Value>().unwrap().payload(), &Value::Null);
        assert_eq!(raw(envelope).decode::<Option<u8>>().unwrap().payload(), &None);
        raw(envelope).decode::<()>().unwrap();
        assert_eq!(raw(envelope).decode::<u8>().unwrap_err().kind(), ErrorKind::Decode);
    }
}

#[test]
fn control_messages_and_bad_names_are_no_events() {
    for (envelope, kind) in [
        (r#"{"type":"__gap"}"#, ErrorKind::ReservedType),
        (r#"{"type":"a b"}"#, ErrorKind::InvalidTopic),
        (r#"{"type":"a","id":"\n"}"#, ErrorKind::InvalidTopic),
        (r#"{"type":""}"#, ErrorKind::InvalidTopic),
        ("[]", ErrorKind::Decode),
    ] {
        let refused = Event::from_encoded(Encoding::JSON, envelope.to_owned().into()).unwrap_err();
        assert_eq!(refused.kind(), kind, "{envelope}");
    }
}

#[test]
fn an_envelope_serialises_to_its_three_members_and_back() {
    let envelope = EventEnvelope::new("a", "1", vec![1, 2]).unwrap();
    let text = serde_json::to_string(&envelope).unwrap();
    assert_eq!(text, r#"{"type":"a","id":"1","payload":[1,2]}"#);
    assert_eq!(serde_json::from_str::<EventEnvelope<Vec<u8>>>(&text).unwrap(), envelope);
    let bare: EventEnvelope<Option<u8>> = serde_json::from_str(r#"{"type":"a"}"#).unwrap();
    assert_eq!((bare.id(), bare.payload()), ("", &None));
    assert!(serde_json::from_str::<EventEnvelope<u8>>(r#"{"type":"__a","payload":1}"#).is_err());

    let event = Event::from(envelope.clone());
    assert_eq!(event.decode::<Vec<u8>>().unwrap(), envelope, "the very same");
    assert_eq!(envelope.clone().into_payload(), [1, 2]);
    drop(event);
    assert_eq!(envelope.into_payload(), [1, 2]);
}
