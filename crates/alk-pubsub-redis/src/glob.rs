//! Redis' glob patterns.

/// A pattern that means exactly this text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Redis' `stringmatchlen`, as far as text without a `[` that is not escaped goes.
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
            ([b'?', rest @ ..], [_, text @ ..]) => matches(rest, text),
            ([b'\\', literal, rest @ ..], [byte, text @ ..]) => literal == byte && matches(rest, text),
            ([literal, rest @ ..], [byte, text @ ..]) => literal == byte && matches(rest, text),
            _ => false,
        }
    }

    #[test]
    fn what_means_something_in_a_pattern_is_escaped() {
        assert_eq!(escape("app:events:"), "app:events:");
        assert_eq!(escape(r"a*b?c[d]e\f^g-h"), r"a\*b\?c\[d\]e\\f\^g\-h");
    }

    proptest! {
        #[test]
        fn an_escaped_text_matches_itself_alone(text in r"[a-c*?\[\]\\^-]{0,8}", other in r"[a-c*?\[\]\\^-]{0,8}") {
            let pattern = escape(&text);
            prop_assert!(matches(pattern.as_bytes(), text.as_bytes()));
            prop_assert_eq!(matches(pattern.as_bytes(), other.as_bytes()), text == other);
        }
    }
}
