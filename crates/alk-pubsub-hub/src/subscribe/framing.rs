use alk_pubsub::{Encoding, Event, Framing};

/// An envelope on each line, as it came but for line feeds between its members, which are spaces here.
#[derive(Debug)]
pub(super) struct Lines;

impl Framing for Lines {
    fn name(&self) -> &'static str {
        "alk-hub-lines"
    }

    fn encoding(&self) -> &Encoding {
        const { &Encoding::JSON }
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(envelope);
        // Within a string of JSON there is none.
        for byte in &mut out[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use alk_pubsub::{Encoding, Event, Framing};

    use super::Lines;

    #[test]
    fn an_envelope_is_a_line() {
        let envelope = "{\"type\":\"a\",\r\n \"id\":\"b\",\n\"payload\":\"\\n\" }";
        let event = Event::from_encoded(Encoding::JSON, envelope.into()).unwrap();
        let mut out = b"before\n".to_vec();
        Lines.frame(&event, envelope.as_bytes(), &mut out);
        let expected = "before\n{\"type\":\"a\",   \"id\":\"b\", \"payload\":\"\\n\" }\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
