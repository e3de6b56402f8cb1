//! Every frame, as it stands on the wire, and what is no frame.

use alk_pubsub_core::{Encoding, Event, EventType, Topic};
use serde_json::{Value, json};

use super::{BearerToken, Control, Frame, Refusal, Welcome, Wire};
use crate::code::ErrorCode;

fn text(frame: &str) -> Result<Frame, Refusal> {
    Frame::decode(Wire::Json, frame.as_bytes())
}

fn refused(frame: &str) -> Refusal {
    text(frame).expect_err(frame)
}

fn event(event_type: &str, id: &str, payload: Value) -> Event {
    Event::new(Topic::new(EventType::new(event_type).expect("a type"), id).expect("an id"), payload)
}

/// All control frames, each with its JSON.
fn controls() -> Vec<(Control, Value)> {
    let reference = || "r \"1\"".to_owned();
    let topics = || vec!["a:1".to_owned(), "b".to_owned(), "*".to_owned()];
    let topics_json = json!({"topics": ["a:1", "b", "*"]});
    vec![
        (
            Control::Welcome {
                connection: "c1".to_owned(),
                welcome: Welcome {
                    protocol: 1,
                    heartbeat_ms: 25_000,
                    max_frame_bytes: 65_536,
                    max_topics: 128,
                },
            },
            json!({"type": "__welcome", "id": "c1", "payload":
                {"protocol": 1, "heartbeat_ms": 25_000, "max_frame_bytes": 65_536, "max_topics": 128}}),
        ),
        (
            Control::Subscribe { reference: reference(), topics: topics() },
            json!({"type": "__subscribe", "id": "r \"1\"", "payload": topics_json}),
        ),
        (
            Control::Subscribed { reference: reference(), topics: topics() },
            json!({"type": "__subscribed", "id": "r \"1\"", "payload": topics_json}),
        ),
        (
            Control::Unsubscribe { reference: reference(), topics: topics() },
            json!({"type": "__unsubscribe", "id": "r \"1\"", "payload": topics_json}),
        ),
        (
            Control::Unsubscribed { reference: reference(), topics: vec![] },
            json!({"type": "__unsubscribed", "id": "r \"1\"", "payload": {"topics": []}}),
        ),
        (
            Control::Publish { reference: reference(), event: event("a", "é:1", json!({"x": [1, null]})) },
            json!({"type": "__publish", "id": "r \"1\"", "payload":
                {"type": "a", "id": "é:1", "payload": {"x": [1, null]}}}),
        ),
        (
            Control::Published { reference: reference(), receivers: Some(3) },
            json!({"type": "__published", "id": "r \"1\"", "payload": {"receivers": 3}}),
        ),
        (
            Control::Published { reference: reference(), receivers: None },
            json!({"type": "__published", "id": "r \"1\"", "payload": {"receivers": null}}),
        ),
        (
            Control::Error {
                reference: reference(),
                code: "bad_topic".to_owned(),
                message: "no".to_owned(),
                topic: Some("x y".to_owned()),
            },
            json!({"type": "__error", "id": "r \"1\"", "payload":
                {"code": "bad_topic", "message": "no", "topic": "x y"}}),
        ),
        (
            Control::Error {
                reference: String::new(),
                code: "bad_frame".to_owned(),
                message: "no".to_owned(),
                topic: None,
            },
            json!({"type": "__error", "id": "", "payload": {"code": "bad_frame", "message": "no"}}),
        ),
        (
            Control::Gap { reason: "slow_consumer".to_owned(), missed: Some(17) },
            json!({"type": "__gap", "id": "", "payload": {"reason": "slow_consumer", "missed": 17}}),
        ),
        (
            Control::Gap { reason: "upstream_reconnected".to_owned(), missed: None },
            json!({"type": "__gap", "id": "", "payload": {"reason": "upstream_reconnected", "missed": null}}),
        ),
        (
            Control::Expiring { in_ms: 30_000 },
            json!({"type": "__expiring", "id": "", "payload": {"in_ms": 30_000}}),
        ),
        (
            Control::Refresh { reference: reference(), token: BearerToken::new("x.y.z") },
            json!({"type": "__refresh", "id": "r \"1\"", "payload": {"token": "x.y.z"}}),
        ),
        (
            Control::Refreshed { reference: reference(), expires_in_ms: Some(3_600_000) },
            json!({"type": "__refreshed", "id": "r \"1\"", "payload": {"expires_in_ms": 3_600_000}}),
        ),
        (
            Control::Refreshed { reference: reference(), expires_in_ms: None },
            json!({"type": "__refreshed", "id": "r \"1\"", "payload": {"expires_in_ms": null}}),
        ),
        (
            Control::Close { reason: "shutdown".to_owned(), reconnect: true, retry_ms: Some(1200) },
            json!({"type": "__close", "id": "", "payload":
                {"reason": "shutdown", "reconnect": true, "retry_ms": 1200}}),
        ),
    ]
}

fn wires() -> Vec<Wire> {
    vec![
        Wire::Json,
        #[cfg(feature = "msgpack")]
        Wire::MsgPack,
    ]
}

#[test]
fn every_control_frame_reads_as_specified() {
    for (control, expected) in controls() {
        let encoded = control.encode(Wire::Json).expect("a frame");
        assert_eq!(serde_json::from_slice::<Value>(&encoded).expect("JSON"), expected);
    }
}

#[test]
fn every_control_frame_survives_the_way() {
    for wire in wires() {
        for (control, _) in controls() {
            let encoded = control.encode(wire).expect("a frame");
            let Ok(Frame::Control(decoded)) = Frame::decode(wire, &encoded) else {
                panic!("{control:?} over {wire:?}")
            };
            // Compared as encoded, since events are not comparable.
            assert_eq!(decoded.encode(wire).expect("a frame"), encoded, "{control:?} over {wire:?}");
            assert_eq!(decoded.frame_type(), control.frame_type());
        }
    }
}

#[test]
fn an_events_payload_is_not_touched() {
    let frame = r#"{ "id":"1", "more": [{}], "payload": 1.50e+3 , "type":"a.b" }"#;
    let Ok(Frame::Event(event)) = text(frame) else { panic!("an event") };
    assert_eq!(event.topic().to_string(), "a.b:1");
    assert_eq!(event.encode(&Encoding::JSON).expect("as it was"), frame);

    let frame = r#"{"type":"__publish","id":"9","payload":{"type":"a","id":"","payload":0.10}}"#;
    let Ok(Frame::Control(Control::Publish { reference, event })) = text(frame) else { panic!("a publish") };
    assert_eq!(reference, "9");
    assert_eq!(event.encode(&Encoding::JSON).expect("as it was"), r#"{"type":"a","id":"","payload":0.10}"#);
}

#[test]
fn an_id_and_a_payload_may_be_missing() {
    let Ok(Frame::Event(event)) = text(r#"{"type":"a"}"#) else { panic!("an event") };
    assert_eq!(event.topic().to_string(), "a:");
    assert_eq!(event.decode::<Value>().expect("null").payload(), &Value::Null);
    let subscribe = text(r#"{"type":"__subscribe","payload":{"topics":[]}}"#);
    let Ok(Frame::Control(Control::Subscribe { reference, topics })) = subscribe else {
        panic!("a subscribe")
    };
    assert!(reference.is_empty() && topics.is_empty());
}

#[test]
fn what_is_no_frame_is_refused_with_its_code_and_reference() {
    let long = "x".repeat(257);
    let deep =
        format!(r#"{{"type":"__subscribe","id":"7","payload":{}1{}}}"#, "[".repeat(9999), "]".repeat(9999));
    #[rustfmt::skip]
    let cases: Vec<(String, ErrorCode, &str)> = [
        // No object with a string `type` and, where present, a string `id`.
        ("", ErrorCode::BadFrame, ""),
        ("null", ErrorCode::BadFrame, ""),
        ("[]", ErrorCode::BadFrame, ""),
        (r#"["a","1",null]"#, ErrorCode::BadFrame, ""),
        (r#""a""#, ErrorCode::BadFrame, ""),
        ("{}", ErrorCode::BadFrame, ""),
        ("{", ErrorCode::BadFrame, ""),
        (r#"{"type":"a"}x"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a"}{"type":"a"}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":null}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":1}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":["a"]}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","id":null}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","id":1}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","type":"b"}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","id":"1","id":"1"}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","payload":1,"payload":2}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","payload":}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"a","payload":[1,}"#, ErrorCode::BadFrame, ""),
        // Names that break the rules.
        (r#"{"type":""}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"a b"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"a:b"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"_a"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"é"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"a","id":"\n"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"a","id":"\u0000"}"#, ErrorCode::BadTopic, ""),
        (r#"{"type":"__publish","id":"7","payload":{"type":"a b"}}"#, ErrorCode::BadTopic, "7"),
        // Control types that are none.
        (r#"{"type":"__nonsense","id":"7"}"#, ErrorCode::ReservedType, "7"),
        (r#"{"type":"__"}"#, ErrorCode::ReservedType, ""),
        (r#"{"type":"__Subscribe"}"#, ErrorCode::ReservedType, ""),
        (r#"{"type":"__publish","id":"7","payload":{"type":"__subscribe"}}"#, ErrorCode::ReservedType, "7"),
        // Control frames with the wrong payload.
        (r#"{"type":"__subscribe","id":"7"}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":null}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":["a"]}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":[["a"]]}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":{}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":{"topics":"a"}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":{"topics":[1]}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":"7","payload":{"topics":[],"topics":[]}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__subscribe","id":null,"payload":{"topics":[]}}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"__unsubscribe","id":"7","payload":{"topics":null}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__publish","id":"7"}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__publish","id":"7","payload":["a","1",null]}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__publish","id":"7","payload":{"type":"a","type":"a"}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__published","id":"7","payload":{"receivers":-1}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__welcome","id":"7","payload":{"protocol":1}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__gap","payload":[]}"#, ErrorCode::BadFrame, ""),
        (r#"{"type":"__error","id":"7","payload":{"code":1,"message":""}}"#, ErrorCode::BadFrame, "7"),
        (r#"{"type":"__close","payload":{"reconnect":"yes"}}"#, ErrorCode::BadFrame, ""),
    ]
    .into_iter()
    .map(|(frame, code, reference)| (frame.to_owned(), code, reference))
    .chain([
        (deep, ErrorCode::BadFrame, "7"),
        // A reference that is too long is not repeated.
        (format!(r#"{{"type":"__subscribe","id":"{long}","payload":{{"topics":[]}}}}"#), ErrorCode::BadFrame, ""),
        (format!(r#"{{"type":"a","id":"{long}"}}"#), ErrorCode::BadTopic, ""),
        (format!(r#"{{"type":"{long}"}}"#), ErrorCode::BadTopic, ""),
    ])
    .collect();
    for (frame, code, reference) in cases {
        let refusal = refused(&frame);
        assert_eq!((refusal.code, &*refusal.reference), (code, reference), "{frame}");
        assert!(!refusal.message.is_empty(), "{frame}");
        assert!(
            refusal.message.len() < 2000 && refusal.topic.is_none_or(|topic| topic.len() < 2000),
            "{frame}"
        );
        if code == ErrorCode::BadTopic {
            assert!(refused(&frame).topic.is_some(), "{frame}");
        }
    }
}

#[test]
fn a_deeply_nested_payload_is_passed_on_unread() {
    let frame = format!(r#"{{"type":"a","payload":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let Ok(Frame::Event(event)) = text(&frame) else { panic!("an event") };
    assert!(event.decode::<Value>().is_err());
}

#[test]
fn the_longest_reference_is_taken() {
    let frame = format!(r#"{{"type":"__subscribe","id":"{}","payload":{{"topics":[]}}}}"#, "x".repeat(256));
    assert!(text(&frame).is_ok());
}

#[test]
fn bytes_that_are_no_text_are_bad_frames() {
    for bytes in [&b"\xff"[..], b"{\"type\":\"a\xff\"}", b"{\"type\":\"a\",\"payload\":\"\xc3\"}", b"\0"] {
        assert_eq!(Frame::decode(Wire::Json, bytes).expect_err("no text").code, ErrorCode::BadFrame);
    }
}

#[test]
fn subprotocols_name_encodings() {
    for wire in wires() {
        assert_eq!(Wire::from_subprotocol(wire.subprotocol()), Some(wire));
    }
    assert_eq!(Wire::from_subprotocol("alk-pubsub.v2.json"), None);
}

#[cfg(feature = "msgpack")]
mod msgpack {
    use super::*;

    fn refused(bytes: &[u8]) -> Refusal {
        Frame::decode(Wire::MsgPack, bytes).expect_err("no frame")
    }

    fn encode(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(value).expect("MessagePack")
    }

    #[test]
    fn an_event_keeps_its_bytes() {
        let bytes = event("a", "1", json!([1, "two"])).encode(&Encoding::MSGPACK).expect("MessagePack");
        let Ok(Frame::Event(event)) = Frame::decode(Wire::MsgPack, &bytes) else { panic!("an event") };
        assert_eq!(event.encode(&Encoding::MSGPACK).expect("as it was"), bytes);
        assert_eq!(event.decode::<Value>().expect("JSON too").payload(), &json!([1, "two"]));
    }

    #[test]
    fn hostile_input_is_a_bad_frame() {
        let mut cases: Vec<Vec<u8>> = vec![
            vec![],
            vec![0xc1],
            vec![0xdf, 0xff, 0xff, 0xff, 0xff],
            vec![0x81, 0xa4, b't', b'y', b'p', b'e', 0xdb, 0xff, 0xff, 0xff, 0xff],
            encode(&json!(["__subscribe", "7", {"topics": []}])),
            encode(&json!({"type": "__subscribe", "id": "7", "payload": [["a"]]})),
            encode(&json!({"type": "__subscribe", "id": "7", "payload": {"topics": "a"}})),
            encode(&json!({"type": "a", "id": 7})),
            encode(&json!({"type": "a", "id": null})),
        ];
        let mut deep = encode(&json!({"type": "a", "payload": 0}));
        deep.pop();
        deep.extend(std::iter::repeat_n(0x91, 100_000));
        deep.push(0xc0);
        cases.push(deep);
        for bytes in cases {
            assert_eq!(refused(&bytes).code, ErrorCode::BadFrame, "{:x?}", &bytes[..bytes.len().min(32)]);
        }
    }
}
