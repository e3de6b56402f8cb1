/// An envelope of 200 bytes.
pub(super) fn envelope() -> Vec<u8> {
    let mut envelope = br#"{"type":"message.updated","id":"project-1","payload":{"text":""#.to_vec();
    envelope.resize(200 - 3, b'x');
    envelope.extend_from_slice(br#""}}"#);
    envelope
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_has_200_bytes() {
        assert_eq!(super::envelope().len(), 200);
    }
}
