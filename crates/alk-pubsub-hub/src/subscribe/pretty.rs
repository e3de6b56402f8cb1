//! JSON for reading. Nothing but whitespace is changed: names keep their order, numbers their digits.

/// Appends a line of JSON, indented, and a line feed.
pub(super) fn pretty(line: &[u8], out: &mut Vec<u8>) {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut bytes = line.iter().copied().filter(|byte| *byte != b'\n').peekable();
    let new_line = |depth: usize, out: &mut Vec<u8>| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\r' => {}
            b'{' | b'[' => {
                out.push(byte);
                while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
                if let Some(end) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(depth, out);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(depth, out);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(depth, out);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn it_is_indented_and_otherwise_the_same() {
        let line = br#"{"type":"a","id":"{\"x\\","payload":{"b": 1.50,"a":[ ],"c":[1,{}, "z:,["]}}"#;
        let mut out = Vec::new();
        pretty(line, &mut out);
        let text = String::from_utf8(out).unwrap();
        let expected = r#"{
  "type": "a",
  "id": "{\"x\\",
  "payload": {
    "b": 1.50,
    "a": [],
    "c": [
      1,
      {},
      "z:,["
    ]
  }
}
"#;
        assert_eq!(text, expected);
        let (before, after): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(line).unwrap(), serde_json::from_str(&text).unwrap());
        assert_eq!(before, after);
    }
}
