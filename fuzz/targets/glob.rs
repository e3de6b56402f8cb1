//! An escaped text matches itself alone, and with a `*` behind it whatever begins with it: by Redis' own matcher, which
//! works on bytes and stands here as a port.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "its tests are not built here")]
#[path = "../../crates/alk-pubsub-redis/src/glob.rs"]
mod glob;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    rest: &'a str,
    other: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let Input { text, rest, other } = input;
    let exact = glob::escape(text);
    let prefix = format!("{exact}*");
    let longer = format!("{text}{rest}");
    for candidate in [text.as_bytes(), longer.as_bytes(), other, exact.as_bytes()] {
        // No channel is empty: a prefix is followed by a type, which has a letter at least.
        if candidate.is_empty() {
            continue;
        }
        assert_eq!(matches(exact.as_bytes(), candidate), candidate == text.as_bytes());
        assert_eq!(matches(prefix.as_bytes(), candidate), candidate.starts_with(text.as_bytes()));
    }
});

/// What `stringmatchlen` of Redis answers, case being told apart.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    while let ([special, ..], [byte, after @ ..]) = (pattern, text) {
        match special {
            b'*' => {
                while let [b'*', b'*', ..] = pattern {
                    pattern = &pattern[1..];
                }
                let rest = &pattern[1..];
                return rest.is_empty() || (0..text.len()).any(|skipped| matches(rest, &text[skipped..]));
            }
            b'?' => pattern = &pattern[1..],
            b'[' => match class(&pattern[1..], *byte) {
                (true, rest) => pattern = rest,
                (false, _) => return false,
            },
            b'\\' if pattern.len() >= 2 => {
                if pattern[1] != *byte {
                    return false;
                }
                pattern = &pattern[2..];
            }
            literal => {
                if literal != byte {
                    return false;
                }
                pattern = &pattern[1..];
            }
        }
        text = after;
        if text.is_empty() {
            while let [b'*', rest @ ..] = pattern {
                pattern = rest;
            }
        }
    }
    pattern.is_empty() && text.is_empty()
}

/// Whether a byte is in the class that a pattern goes on with, and what follows the class. One that is not closed ends with
/// the pattern.
fn class(pattern: &[u8], byte: u8) -> (bool, &[u8]) {
    let (not, mut pattern) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut found = false;
    loop {
        pattern = match pattern {
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => return (found != not, rest),
            [] => return (found != not, pattern),
            [one, b'-', other, rest @ ..] => {
                found |= (*one.min(other)..=*one.max(other)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
}
