//! Whatever bytes a peer sends, reading them ends in an event, a control message or a refusal, each of which can be
//! sent on and means the same to who reads it.
#![no_main]

use alk_pubsub_core::{Encoding, MAX_ID_BYTES, MAX_TYPE_BYTES};
use alk_pubsub_link::{Control, Frame, Refusal, Wire};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some((wire, frame)) = data.split_first() else { return };
    let wire = Wire::ALL[usize::from(*wire) % Wire::ALL.len()];
    match Frame::decode(wire, frame) {
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
        Err(Refusal { reference, code, message, topic }) => {
            assert!(reference.len() <= 256);
            let most = MAX_TYPE_BYTES + 1 + MAX_ID_BYTES + 1;
            assert!(topic.as_ref().is_none_or(|topic| topic.chars().count() <= most));
            let code = code.as_str().to_owned();
            let answer = Control::Error { reference, code, message, topic };
            read(wire, &answer.encode(wire).expect("an answer"));
        }
    }
});

fn read(wire: Wire, frame: &[u8]) -> Control {
    match Frame::decode(wire, frame) {
        Ok(Frame::Control(control)) => control,
        other => panic!("{other:?} was written as a control message"),
    }
}
