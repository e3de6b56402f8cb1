//! Whatever bytes a peer sends, reading them ends in an event, a control message or a refusal, each of which can be
//! sent on and means the same to who reads it. A hub, which refuses what only hubs may send, reads all else in the same way.
#![no_main]

use alk_pubsub_core::{Encoding, MAX_ID_BYTES, MAX_TYPE_BYTES};
use alk_pubsub_link::{Control, ErrorCode, Frame, Refusal, Wire};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What only a hub may send.
const NOT_FOR_HUBS: [&str; 9] = [
    "__welcome",
    "__subscribed",
    "__unsubscribed",
    "__published",
    "__error",
    "__gap",
    "__expiring",
    "__refreshed",
    "__close",
];

fuzz_target!(|data: &[u8]| {
    let Some((wire, frame)) = data.split_first() else { return };
    let wire = Wire::ALL[usize::from(*wire) % Wire::ALL.len()];
    let decoded = Frame::decode(wire, frame);
    is_read_alike_by_a_hub(wire, frame, &decoded);
    match decoded {
        Ok(Frame::Event(event)) => {
            let encoded = event.encode(wire.encoding()).expect("it came encoded");
            assert_eq!(encoded, frame, "what came goes out as it came");
            for encoding in [Encoding::JSON, Encoding::MSGPACK] {
                // What one encoding has and the other has not, say a map with keys that are numbers, is an error.
                let Ok(encoded) = event.encode(&encoding) else { continue };
                let split = encoding.split(&encoded).expect("an envelope");
                assert_eq!(split.event_type, event.topic().event_type().as_str());
                assert_eq!(split.id, event.topic().id());
            }
            let _ = event.decode::<Value>();
        }
        Ok(Frame::Control(control)) => {
            let Ok(encoded) = control.encode(wire) else { return };
            let again = read(wire, &encoded);
            assert_eq!(again.encode(wire).expect("as before"), encoded);
        }
        Err(refusal) => can_be_answered(wire, refusal),
    }
});

fn can_be_answered(wire: Wire, refusal: Refusal) {
    let Refusal { reference, code, message, topic } = refusal;
    assert!(reference.len() <= 256);
    let most = MAX_TYPE_BYTES + 1 + MAX_ID_BYTES + 1;
    assert!(topic.as_ref().is_none_or(|topic| topic.chars().count() <= most));
    let code = code.as_str().to_owned();
    let answer = Control::Error { reference, code, message, topic };
    read(wire, &answer.encode(wire).expect("an answer"));
}

/// What reads frames of spokes comes to the same, or says that the frame is not for a hub.
fn is_read_alike_by_a_hub(wire: Wire, frame: &[u8], decoded: &Result<Frame, Refusal>) {
    let by_hub = Frame::decode_from_spoke(wire, frame);
    let is_for_hubs = match wire.encoding().split(frame) {
        Ok(split) => !NOT_FOR_HUBS.contains(&&*split.event_type),
        Err(_) => true,
    };
    match (decoded, by_hub) {
        (Ok(Frame::Event(event)), Ok(Frame::Event(same))) => {
            assert_eq!(event.topic(), same.topic());
            let encoding = wire.encoding();
            assert_eq!(event.encode(encoding).expect("encoded"), same.encode(encoding).expect("encoded"));
        }
        (Ok(Frame::Control(control)), Ok(Frame::Control(same))) => {
            assert!(is_for_hubs, "{control:?}");
            assert_eq!(control.encode(wire).ok(), same.encode(wire).ok());
        }
        // A reference that is too long to be repeated is refused before anything else.
        (Err(refusal), Err(same)) if is_for_hubs || *refusal == same => assert_eq!(*refusal, same),
        (_, Err(refusal)) => {
            assert!(!is_for_hubs, "{refusal:?}");
            assert_eq!(refusal.code, ErrorCode::ReservedType);
            can_be_answered(wire, refusal);
        }
        (decoded, by_hub) => panic!("{decoded:?}, but for a hub {by_hub:?}"),
    }
}

fn read(wire: Wire, frame: &[u8]) -> Control {
    match Frame::decode(wire, frame) {
        Ok(Frame::Control(control)) => control,
        other => panic!("{other:?} was written as a control message"),
    }
}
