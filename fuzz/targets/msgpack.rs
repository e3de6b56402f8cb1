//! The MessagePack envelope is found where another reader finds it, and what is written is read back.
#![no_main]

use alk_pubsub_core::{Encoding, Topic};
use libfuzzer_sys::fuzz_target;
use rmpv::ValueRef;
use serde_json::Value;

/// Ours refuses what is nested more than 128 deep. The other one counts in another way, so it is asked for much less and
/// for much more.
const LESS: usize = 60;
const MORE: usize = 600;

fuzz_target!(|data: &[u8]| {
    read(data);
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        write(&value);
    }
});

fn read(data: &[u8]) {
    let ours = Encoding::MSGPACK.split(data);
    if let Ok(split) = &ours {
        let (event_type, id, payload) = members(data, MORE).expect("another reader finds an envelope too");
        assert_eq!((&*split.event_type, &*split.id), (event_type, id.unwrap_or_default()));
        let mut at = &data[split.payload.clone()];
        match payload {
            Some(payload) => {
                let again = rmpv::decode::read_value_ref_with_max_depth(&mut at, MORE).expect("a value");
                assert!(at.is_empty());
                // A number that is none is not equal to itself.
                assert_eq!(format!("{again:?}"), format!("{payload:?}"));
            }
            None => assert!(at.is_empty()),
        }
        let _ = Encoding::MSGPACK.decode::<Value>(&data[split.payload.clone()]);
    } else if members(data, LESS).is_some() {
        // The other one takes the byte that stands for nothing as null.
        assert!(
            format!("{ours:?}").contains("c1 is never used"),
            "another reader finds an envelope: {ours:?}"
        );
    }
}

type Members<'a> = (&'a str, Option<&'a str>, Option<ValueRef<'a>>);

/// The members as a reader of whole values sees them; `None` if it is no envelope.
fn members(data: &[u8], depth: usize) -> Option<Members<'_>> {
    let mut at = data;
    let value = rmpv::decode::read_value_ref_with_max_depth(&mut at, depth).ok()?;
    let ValueRef::Map(entries) = value else { return None };
    if !at.is_empty() {
        return None;
    }
    let (mut event_type, mut id, mut payload) = (None, None, None);
    for (name, value) in entries {
        let ValueRef::String(name) = name else { return None };
        let twice = match name.as_str()? {
            "type" => event_type.replace(text(value)?).is_some(),
            "id" => id.replace(text(value)?).is_some(),
            "payload" => payload.replace(value).is_some(),
            _ => false,
        };
        if twice {
            return None;
        }
    }
    Some((event_type?, id, payload))
}

fn text(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::String(text) => text.into_str(),
        _ => None,
    }
}

fn write(value: &Value) {
    let topic: Topic = "a.b:c".parse().expect("a topic");
    let envelope = Encoding::MSGPACK.encode(&topic, value).expect("every JSON value can be written");
    let split = Encoding::MSGPACK.split(&envelope).expect("an envelope");
    assert_eq!((&*split.event_type, &*split.id), ("a.b", "c"));
    let again: Value = Encoding::MSGPACK.decode(&envelope[split.payload]).expect("as it was written");
    assert_eq!(again, *value);
}
