//! Topics and interests are read by the rules, which stand here a second time, in the plainest words.
#![no_main]

use alk_pubsub_core::{EventType, Interest, NameError, Topic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&str, &str)| {
    let (text, other) = data;
    let topic = text.parse::<Topic>();
    let interest = text.parse::<Interest>();
    let event_type = EventType::new(text);

    assert_eq!(event_type.is_ok(), is_type(text));
    match text.find(':') {
        Some(colon) => {
            let (before, id) = (&text[..colon], &text[colon + 1..]);
            assert_eq!(topic.is_ok(), is_type(before) && is_id(id));
            assert_eq!(interest.is_ok(), topic.is_ok());
        }
        None => {
            assert!(topic.is_err());
            assert_eq!(interest.is_ok(), text == "*" || is_type(text));
        }
    }
    if text.starts_with("__") {
        assert_eq!(event_type.err(), Some(NameError::ReservedType));
    }

    let Ok(interest) = interest else { return };
    assert_eq!(interest.to_string(), text, "a name is written as it is read");
    if let Ok(topic) = topic {
        assert!(interest.matches(&topic));
        assert_eq!(format!("{}:{}", topic.event_type(), topic.id()), text);
    }

    let Ok(other) = other.parse::<Topic>() else { return };
    let matches = match text {
        "*" => true,
        _ if text.contains(':') => text == other.to_string(),
        _ => text == other.event_type().as_str(),
    };
    assert_eq!(interest.matches(&other), matches);
    assert_eq!(interest.covers(&other.clone().into()), matches);
    assert_eq!(interest.covers(&other.event_type().clone().into()), matches && !text.contains(':'));
    assert_eq!(interest.covers(&Interest::Everything), text == "*");
});

fn is_type(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 128
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "._/-".contains(one))
}

fn is_id(text: &str) -> bool {
    text.len() <= 256 && !text.chars().any(char::is_control)
}
