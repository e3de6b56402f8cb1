//! What travels beside a payload, and the trace context in it.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::sync::atomic::{AtomicU64, Ordering};

use alk_pubsub_core::{
    Dynamic, Encoding, ErrorKind, Event, EventEnvelope, Meta, PubSub, Traceparent, event_map,
};
use serde_json::{Value, json};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

event_map! { struct Events { Ticked("ticked") => u64 } }

fn encodings() -> Vec<Encoding> {
    vec![
        Encoding::JSON,
        #[cfg(feature = "msgpack")]
        Encoding::MSGPACK,
    ]
}

fn parent() -> Traceparent {
    PARENT.parse().unwrap()
}

fn json(envelope: &str) -> Event {
    Event::from_encoded(Encoding::JSON, envelope.to_owned().into()).unwrap()
}

#[test]
fn it_survives_every_encoding() {
    let meta = Meta::from(parent()).with("tracestate", "a=1,b=2").with("x", json!({"deep": [1, 2.5, null]}));
    for encoding in encodings() {
        let published = Event::with_meta("ticked:1".parse().unwrap(), 7u64, meta.clone());
        let arrived = Event::from_encoded(encoding.clone(), published.encode(&encoding).unwrap()).unwrap();
        for event in [&published, &arrived] {
            assert_eq!(event.meta(), Some(&meta), "{encoding:?}");
            assert_eq!(event.traceparent(), Some(parent()));
            let typed = event.decode::<u64>().unwrap();
            assert_eq!((typed.payload(), typed.meta()), (&7, Some(&meta)));
            // As a type that it was not published as.
            assert_eq!(event.decode::<Value>().unwrap().traceparent(), Some(parent()));
            for other in encodings() {
                let out = Event::from_encoded(other.clone(), event.encode(&other).unwrap()).unwrap();
                assert_eq!(out.meta(), Some(&meta), "from {encoding:?} to {other:?}");
            }
        }
    }
}

#[test]
fn an_event_without_it_looks_as_before() {
    let event = Event::new("ticked:1".parse().unwrap(), 7u64);
    assert_eq!(event.encode(&Encoding::JSON).unwrap(), r#"{"type":"ticked","id":"1","payload":7}"#);
    assert_eq!((event.meta(), event.traceparent()), (None, None));
    let arrived = json(r#"{"type":"ticked","id":"1","payload":{"meta":{"traceparent":1}}}"#);
    assert_eq!(arrived.meta(), None, "that is the payload's");
    #[cfg(feature = "msgpack")]
    assert_eq!(event.encode(&Encoding::MSGPACK).unwrap()[0], 0x83, "a map of three");
}

#[test]
fn it_is_relayed_as_it_came() {
    for meta in [
        r#"{ "traceparent" : "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-x","n":1.50}"#,
        r#"{"traceparent":"nonsense"}"#,
        r#"["no", "object"]"#,
        "null",
    ] {
        let envelope = format!(r#"{{"meta":{meta},"payload":1,"type":"ticked","id":"1"}}"#);
        let event = json(&envelope);
        let _ = (event.meta(), event.decode::<u64>().unwrap());
        assert_eq!(event.encode(&Encoding::JSON).unwrap(), envelope);
    }
}

#[test]
fn what_is_invalid_is_ignored() {
    for (meta, is_meta) in [
        ("null", false),
        ("5", false),
        (r#"["traceparent"]"#, false),
        ("{}", true),
        (r#"{"traceparent":null}"#, true),
        (r#"{"traceparent":""}"#, true),
        (r#"{"traceparent":["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]}"#, true),
        (r#"{"traceparent":"00-00000000000000000000000000000000-b7ad6b7169203331-01"}"#, true),
    ] {
        let event = json(&format!(r#"{{"type":"ticked","payload":1,"meta":{meta}}}"#));
        assert_eq!((event.meta().is_some(), event.traceparent()), (is_meta, None), "{meta}");
        let typed = event.decode::<u64>().unwrap();
        assert_eq!((typed.payload(), typed.meta().is_some(), typed.traceparent()), (&1, is_meta, None));
    }
    let twice = r#"{"type":"ticked","meta":{},"meta":{}}"#;
    let refused = Event::from_encoded(Encoding::JSON, twice.into()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Decode, "as with any member that stands twice");
}

#[test]
fn an_envelope_shows_it_to_serde() {
    let event = Event::with_meta("ticked:1".parse().unwrap(), 7u64, parent().into());
    let typed = event.decode::<u64>().unwrap();
    let written = serde_json::to_value(&typed).unwrap();
    assert_eq!(written, json!({"type": "ticked", "id": "1", "payload": 7, "meta": {"traceparent": PARENT}}));
    let read: EventEnvelope<u64> = serde_json::from_value(written).unwrap();
    assert_eq!((read.traceparent(), &read), (Some(parent()), &typed));

    let plain = EventEnvelope::new("ticked", "1", 7u64).unwrap();
    assert_eq!(plain, typed, "equal by what was said");
    assert_eq!(serde_json::to_value(&plain).unwrap(), json!({"type": "ticked", "id": "1", "payload": 7}));
    for nothing in [json!(null), json!("x")] {
        let lenient = json!({"type": "ticked", "id": "1", "payload": 7, "meta": nothing});
        assert_eq!(serde_json::from_value::<EventEnvelope<u64>>(lenient).unwrap().meta(), None);
    }
}

#[tokio::test]
async fn a_publisher_says_where_in_its_trace_it_is() {
    let pubsub = PubSub::<Events>::in_process();
    let mut ticks = pubsub.subscribe(Ticked).await.unwrap();
    let mut values = PubSub::<Dynamic>::over(pubsub.target().clone()).subscribe_all().await.unwrap();

    pubsub.publish(Ticked, "plain", 0).await.unwrap();
    assert_eq!(ticks.recv().await.unwrap().traceparent(), None);
    assert_eq!(values.recv().await.unwrap().traceparent(), None);

    pubsub.traced_by(parent()).publish(Ticked, "fixed", 1).await.unwrap();
    assert_eq!(ticks.recv().await.unwrap().traceparent(), Some(parent()));
    assert_eq!(values.recv().await.unwrap().traceparent(), Some(parent()), "decoded as another type");

    let asked = AtomicU64::new(0);
    let every_other = pubsub.traced_by(move || {
        let odd = asked.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        odd.then(|| PARENT.parse().unwrap())
    });
    for number in 0..4 {
        every_other.clone().try_publish(Ticked, "some", number).unwrap();
        let told = ticks.recv().await.unwrap().traceparent();
        assert_eq!(told, (number % 2 == 1).then(parent));
    }
    pubsub.publish(Ticked, "plain", 0).await.unwrap();
    assert_eq!(ticks.recv().await.unwrap().traceparent(), None, "the first handle is as it was");
}
