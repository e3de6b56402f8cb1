use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::{split_any, split_as_encoded};
use super::{Codec, Encoding, Split};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::name::{EventType, Topic};

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn encodings() -> Vec<Encoding> {
    vec![
        Encoding::JSON,
        #[cfg(feature = "msgpack")]
        Encoding::MSGPACK,
        Encoding::custom(Tabs),
    ]
}

/// `type TAB id TAB payload as JSON`.
#[derive(Debug)]
struct Tabs;

impl Codec for Tabs {
    fn name(&self) -> &'static str {
        "tabs"
    }

    fn encode(&self, topic: &Topic, payload: &dyn erased_serde::Serialize) -> Result<Bytes, Error> {
        let payload = serde_json::to_string(payload)
            .map_err(|error| Error::with_source(ErrorKind::Encode, "no tabs for this", error))?;
        Ok(format!("{}\t{}\t{payload}", topic.event_type(), topic.id()).into())
    }

    fn split<'a>(&self, envelope: &'a [u8]) -> Result<Split<'a>, Error> {
        let bad = || Error::new(ErrorKind::Decode, "the tabs are missing");
        let text = std::str::from_utf8(envelope).map_err(|_| bad())?;
        let (event_type, rest) = text.split_once('\t').ok_or_else(bad)?;
        let (id, payload) = rest.split_once('\t').ok_or_else(bad)?;
        let payload = envelope.len() - payload.len()..envelope.len();
        Ok(Split { event_type: event_type.into(), id: id.into(), payload, meta: 0..0 })
    }

    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
    ) -> Result<(), Error> {
        let payload = if payload.is_empty() { b"null" } else { payload };
        let mut deserializer = serde_json::Deserializer::from_slice(payload);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer))
            .map_err(|error| Error::with_source(ErrorKind::Decode, "not what it should be", error))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Named { text: String, number: i64, maybe: Option<bool> },
    Pair(u8, f64),
    List(Vec<Shape>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        (".*", any::<i64>(), any::<Option<bool>>()).prop_map(|(text, number, maybe)| Shape::Named {
            text,
            number,
            maybe
        }),
        (any::<u8>(), -1e300..1e300).prop_map(|(a, b)| Shape::Pair(a, b)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Shape::List))
}

fn id() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{0,60}"
}

proptest! {
    /// In every encoding an envelope comes back as what it was.
    #[test]
    fn encode_split_and_decode_are_inverses(id in id(), payload in shape()) {
        let topic = Topic::new(EventType::from_static("a.b"), &id).unwrap();
        for encoding in encodings() {
            let envelope = encoding.encode(&topic, &payload).unwrap();
            let split = encoding.split(&envelope).unwrap();
            prop_assert_eq!((&*split.event_type, &*split.id), ("a.b", id.as_str()));
            prop_assert_eq!(&encoding.decode::<Shape>(&envelope[split.payload]).unwrap(), &payload);

            let event = Event::from_encoded(encoding.clone(), envelope.clone()).unwrap();
            prop_assert_eq!(event.topic(), &topic);
            let decoded = event.decode::<Shape>().unwrap();
            prop_assert_eq!(decoded.payload(), &payload);
            prop_assert_eq!(event.encode(&encoding).unwrap(), envelope);
            // And through any other.
            for other in encodings() {
                let event = Event::from_encoded(other.clone(), event.encode(&other).unwrap()).unwrap();
                let decoded = event.decode::<Shape>().unwrap();
                prop_assert_eq!(decoded.payload(), &payload, "by {:?}", other);
            }
        }
    }

    /// What is split quickly is split as it is by who looks at all members, damaged or not.
    #[test]
    fn the_quick_way_to_split_json_is_no_other_way(
        id in id(),
        payload in shape(),
        meta in proptest::sample::select(&["", ",\"meta\":{\"a\":1}", ",\"meta\":null", ",\"meta\":1"][..]),
        at in any::<proptest::sample::Index>(),
        put in proptest::sample::select(&["", " ", "\"", "\\", "}", ",", "{", "1", "\n", "\u{e9}", "null", ":"][..]),
    ) {
        let topic = Topic::new(EventType::from_static("a.b"), &id).unwrap();
        let envelope = String::from_utf8(Encoding::JSON.encode(&topic, &payload).unwrap().to_vec()).unwrap();
        let envelope = format!("{}{meta}}}", &envelope[..envelope.len() - 1]);
        let plain = !envelope.contains("\"id\":\"\\") && !id.contains(['"', '\\']);
        prop_assert!(split_as_encoded(&envelope).is_some() || !plain, "{}", envelope);
        let at = at.index(envelope.len() + 1);
        prop_assume!(envelope.is_char_boundary(at));
        for text in [envelope.clone(), format!("{}{put}{}", &envelope[..at], &envelope[at..]), envelope[..at].to_owned()] {
            if let Some(quick) = split_as_encoded(&text) {
                prop_assert_eq!(Some(quick), split_any(&text).ok(), "{}", text);
            }
        }
    }

    /// Whatever the bytes are: an answer and no panic.
    #[test]
    fn any_bytes_are_an_envelope_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for encoding in encodings() {
            if let Ok(event) = Event::from_encoded(encoding.clone(), bytes.clone().into()) {
                let _ = event.decode::<Shape>();
                prop_assert_eq!(event.encode(&encoding).unwrap(), &bytes);
            }
        }
    }

    /// As above, for bytes that were an envelope before something happened to them.
    #[test]
    fn a_damaged_envelope_is_an_envelope_or_an_error(
        payload in shape(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        for encoding in encodings() {
            let mut bytes = encoding.encode(&topic("a:1"), &payload).unwrap().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let cut = cut.index(bytes.len());
            for bytes in [&bytes[..], &bytes[..cut]] {
                if let Ok(event) = Event::from_encoded(encoding.clone(), Bytes::copy_from_slice(bytes)) {
                    let _ = event.decode::<Shape>();
                    let _ = event.decode::<Value>();
                    for other in encodings() {
                        let _ = event.encode(&other);
                    }
                }
            }
        }
    }
}

#[test]
fn the_json_envelope_is_what_the_protocol_says() {
    let event =
        Event::new(topic("session.status:p\"1\n".trim_end()), json!({"busy": true, "n": [1, 2.5, null]}));
    assert_eq!(
        event.encode(&Encoding::JSON).unwrap(),
        r#"{"type":"session.status","id":"p\"1","payload":{"busy":true,"n":[1,2.5,null]}}"#
    );
    assert_eq!(
        Event::new(topic("a:"), ()).encode(&Encoding::JSON).unwrap(),
        r#"{"type":"a","id":"","payload":null}"#
    );
}

fn split(text: &str) -> Result<(String, String, String), ErrorKind> {
    let split = Encoding::JSON.split(text.as_bytes()).map_err(|error| error.kind())?;
    Ok((split.event_type.into_owned(), split.id.into_owned(), text[split.payload].to_owned()))
}

#[test]
fn a_json_envelope_is_split_leniently_in_form_and_strictly_in_kind() {
    let parts = |event_type: &str, id: &str, payload: &str| {
        Ok((event_type.to_owned(), id.to_owned(), payload.to_owned()))
    };
    for (text, expected) in [
        (r#"{"type":"a","id":"1","payload":{"x":1}}"#, parts("a", "1", r#"{"x":1}"#)),
        ("\n\t {\"payload\" : [ 1 ] , \"id\":\"1\",\"type\":\"a\"}\r\n", parts("a", "1", "[ 1 ]")),
        (
            r#"{"type":"\u0061","id":"\t\ud83d\ude00","payload":"\ud83d\ude00"}"#,
            parts("a", "\t😀", r#""\ud83d\ude00""#),
        ),
        (r#"{"type":"a"}"#, parts("a", "", "")),
        (r#"{"type":"a","payload":null}"#, parts("a", "", "")),
        (r#"{"type":"a","meta":{"type":"b","payload":[]},"payload":1}"#, parts("a", "", "1")),
        (r#"{"type":"__gap","id":"","payload":{}}"#, parts("__gap", "", "{}")),
    ] {
        assert_eq!(split(text), expected, "{text}");
    }
    for text in [
        "",
        "null",
        "1",
        r#"["a","1",null]"#,
        "{}",
        r#"{"id":"1","payload":1}"#,
        r#"{"type":1,"id":"1"}"#,
        r#"{"type":null}"#,
        r#"{"type":"a","id":1}"#,
        r#"{"type":"a","id":null}"#,
        r#"{"type":"a","type":"b"}"#,
        r#"{"type":"a","payload":1,"payload":2}"#,
        r#"{"type":"a","payload":tru}"#,
        r#"{"type":"a","payload":1"#,
        r#"{"type":"a"} x"#,
        r#"{"type":"a"}{"type":"b"}"#,
        "{\"type\":\"a\",\"payload\":\"\u{1}\"}",
    ] {
        assert_eq!(split(text), Err(ErrorKind::Decode), "{text}");
    }
}

/// They go out as they are, and a text frame that is not UTF-8 closes the connection of whoever reads it.
#[test]
fn json_that_is_not_utf8_is_no_envelope_wherever_it_is_not() {
    for bytes in [
        &b"{\"type\":\"a\",\"payload\":\"\xff\"}"[..],
        b"{\"type\":\"a\",\"payload\":1,\"ignored\":\"\xc3\"}",
        b"{\"type\":\"a\",\"\xed\xa0\x80\":1}",
        b"{\"type\":\"a\"}\xff",
    ] {
        let error = Event::from_encoded(Encoding::JSON, Bytes::copy_from_slice(bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_the_end_of_the_stack() {
    let deep = format!(r#"{{"type":"a","payload":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let event = Event::from_encoded(Encoding::JSON, deep.clone().into()).unwrap();
    assert_eq!(event.decode::<Value>().unwrap_err().kind(), ErrorKind::Decode);
    // Who does not look at it passes it on.
    assert_eq!(event.encode(&Encoding::JSON).unwrap(), deep);
}

#[test]
fn a_payload_that_has_no_json_is_an_error_of_its_kind_with_its_cause() {
    let event = Event::new(topic("a:1"), std::collections::BTreeMap::from([(vec![1u8], 1)]));
    let error = event.encode(&Encoding::JSON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    assert!(!error.is_retryable());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "key must be a string");
    assert!(!error.to_string().contains("key must"), "display is this level only");
}

#[test]
fn a_custom_codec_is_told_apart_by_its_name() {
    assert_eq!(Encoding::custom(Tabs), Encoding::custom(Tabs));
    assert_ne!(Encoding::custom(Tabs), Encoding::JSON);
    assert_eq!(format!("{:?}", Encoding::custom(Tabs)), "Encoding(tabs)");
    assert_eq!(Encoding::default(), Encoding::JSON);
    let event = Event::new(topic("a:1"), 5);
    assert_eq!(event.encode(&Encoding::custom(Tabs)).unwrap(), "a\t1\t5");
}

#[test]
fn a_codec_that_does_not_read_is_an_error() {
    #[derive(Debug)]
    struct Idle;
    impl Codec for Idle {
        fn name(&self) -> &'static str {
            "idle"
        }
        fn encode(&self, _: &Topic, _: &dyn erased_serde::Serialize) -> Result<Bytes, Error> {
            Ok(Bytes::new())
        }
        fn split<'a>(&self, _: &'a [u8]) -> Result<Split<'a>, Error> {
            Ok(Split { event_type: "a".into(), id: "".into(), payload: 0..0, meta: 0..0 })
        }
        fn decode(
            &self,
            _: &[u8],
            _: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
        ) -> Result<(), Error> {
            Ok(())
        }
    }
    let event = Event::from_encoded(Encoding::custom(Idle), Bytes::new()).unwrap();
    assert_eq!(event.decode::<u8>().unwrap_err().kind(), ErrorKind::Decode);
}

#[cfg(feature = "msgpack")]
mod msgpack {
    use super::*;

    fn split(bytes: &[u8]) -> Result<(String, String, Vec<u8>), String> {
        let split = Encoding::MSGPACK.split(bytes).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Decode);
            std::error::Error::source(&error).unwrap().to_string()
        })?;
        Ok((split.event_type.into_owned(), split.id.into_owned(), bytes[split.payload].to_vec()))
    }

    fn with_payload(payload: &[u8]) -> Vec<u8> {
        [b"\x83\xa4type\xa1a\xa2id\xa11\xa7payload", payload].concat()
    }

    #[test]
    fn the_envelope_is_a_map_of_three() {
        let event = Event::new(topic("a:1"), 5u8);
        assert_eq!(event.encode(&Encoding::MSGPACK).unwrap(), with_payload(&[5]));
    }

    /// One of each kind of value that MessagePack has.
    #[test]
    fn every_kind_of_value_is_passed_over() {
        let of = |head: &[u8], len: usize| [head, &vec![0x2a; len]].concat();
        for payload in [
            of(&[0x00], 0),
            of(&[0x7f], 0),
            of(&[0xe0], 0),
            of(&[0xff], 0),
            of(&[0xc0], 0),
            of(&[0xc2], 0),
            of(&[0xc3], 0),
            of(&[0x82], 4),
            of(&[0x93], 3),
            of(&[0xbf], 31),
            of(&[0xc4, 200], 200),
            of(&[0xc5, 1, 0], 256),
            of(&[0xc6, 0, 0, 1, 0], 256),
            of(&[0xc7, 3], 4),
            of(&[0xc8, 1, 0], 257),
            of(&[0xc9, 0, 0, 1, 0], 257),
            of(&[0xca], 4),
            of(&[0xcb], 8),
            of(&[0xcc], 1),
            of(&[0xcd], 2),
            of(&[0xce], 4),
            of(&[0xcf], 8),
            of(&[0xd0], 1),
            of(&[0xd1], 2),
            of(&[0xd2], 4),
            of(&[0xd3], 8),
            of(&[0xd4], 2),
            of(&[0xd5], 3),
            of(&[0xd6], 5),
            of(&[0xd7], 9),
            of(&[0xd8], 17),
            of(&[0xd9, 255], 255),
            of(&[0xda, 1, 0], 256),
            of(&[0xdb, 0, 0, 1, 0], 256),
            of(&[0xdc, 0, 2], 2),
            of(&[0xdd, 0, 0, 0, 2], 2),
            of(&[0xde, 0, 1], 2),
            of(&[0xdf, 0, 0, 0, 1], 2),
        ] {
            assert_eq!(split(&with_payload(&payload)).map(|(.., found)| found), Ok(payload.clone()));
            let too_short = with_payload(&payload[..payload.len() - 1]);
            assert_eq!(split(&too_short), Err("it ends too early".to_owned()), "{payload:x?}");
            let too_long = with_payload(&[&payload[..], &[0]].concat());
            assert_eq!(split(&too_long), Err("something follows the envelope".to_owned()), "{payload:x?}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused_for_its_reason() {
        for (bytes, reason) in [
            (&b""[..], "it ends too early"),
            (b"\x01", "it is no map"),
            (b"\x93\xa1a\xa11\x05", "it is no map"),
            (b"\x80", "there is no `type`"),
            (b"\x81\xa2id\xa11", "there is no `type`"),
            (b"\x81\xa4type\x01", "`type`, `id` and the names of members are strings"),
            (b"\x81\x01\x01", "`type`, `id` and the names of members are strings"),
            (b"\x82\xa4type\xa1a\xa4type\xa1b", "a member stands twice"),
            (b"\x81\xa4type\xa1\xff", "a string is not UTF-8"),
            (b"\x82\xa4type\xa1a\xa7payload\xc1", "the marker c1 is never used"),
            (b"\xdf\xff\xff\xff\xff\xa4type\xa1a", "it ends too early"),
            (b"\x82\xa4type\xa1a\xa1x\xdd\xff\xff\xff\xff", "it ends too early"),
            (b"\x82\xa4type\xa1a\xa1x\xc6\xff\xff\xff\xff", "it ends too early"),
        ] {
            assert_eq!(split(bytes), Err(reason.to_owned()), "{bytes:x?}");
        }
        let deep = with_payload(&[0x91; 200]);
        assert_eq!(split(&deep), Err("it is nested too deeply".to_owned()));
    }

    #[test]
    fn other_forms_and_members_are_taken() {
        let parts = |payload: &[u8]| Ok(("a".to_owned(), "1".to_owned(), payload.to_vec()));
        assert_eq!(split(b"\xde\x00\x02\xd9\x04type\xda\x00\x01a\xdb\x00\x00\x00\x02id\xa11"), parts(&[]));
        assert_eq!(split(b"\x84\xa1x\x91\x01\xa7payload\xc0\xa2id\xa11\xa4type\xa1a"), parts(&[0xc0]));
        let event = Event::from_encoded(Encoding::MSGPACK, Bytes::from_static(b"\x81\xa4type\xa1a")).unwrap();
        assert_eq!(event.decode::<Option<u8>>().unwrap().payload(), &None);
    }
}
