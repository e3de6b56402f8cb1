//! Names are what they say, whatever is in them.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use alk_pubsub_core::{
    Dynamic, Error, ErrorKind, EventType, Interest, MAX_ID_BYTES, MAX_TYPE_BYTES, NameError, PubSub, Topic,
    check_id,
};
use proptest::prelude::*;

fn event_type() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._/-]{0,127}"
}

/// Any id there is: up to 256 bytes, with colons, stars and everything but control characters.
fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[^\\p{Cc}]{0,64}", "[:*. a-z]{0,256}", "\\PC{0,64}"]
        .prop_filter("an id has at most 256 bytes", |id| check_id(id).is_ok())
}

proptest! {
    #[test]
    fn a_topic_is_parsed_as_what_it_is_printed_as(event_type in event_type(), id in id()) {
        let topic = Topic::new(EventType::new(&event_type).unwrap(), &id).unwrap();
        let text = topic.to_string();
        prop_assert_eq!(&text, &format!("{event_type}:{id}"));
        let parsed: Topic = text.parse().unwrap();
        prop_assert_eq!((parsed.event_type().as_str(), parsed.id()), (event_type.as_str(), id.as_str()));
        prop_assert_eq!(&parsed, &topic);
        prop_assert_eq!(text.parse::<Interest>().unwrap(), Interest::Topic(topic));
    }

    #[test]
    fn an_interest_is_parsed_as_what_it_is_printed_as(event_type in event_type(), id in id()) {
        let event_type = EventType::new(event_type).unwrap();
        let topic = Topic::new(event_type.clone(), id).unwrap();
        let interests = [Interest::Topic(topic), Interest::Type(event_type), Interest::Everything];
        for interest in &interests {
            prop_assert_eq!(&interest.to_string().parse::<Interest>().unwrap(), interest);
        }
    }

    #[test]
    fn any_text_is_an_interest_that_prints_as_it_or_an_error(text in ".{0,80}") {
        if let Ok(interest) = text.parse::<Interest>() {
            prop_assert_eq!(interest.to_string(), text);
        }
    }

    #[test]
    fn an_interest_covers_what_matches_no_more_than_it(
        a in "[ab](:[12]?)?|\\*",
        b in "[ab](:[12]?)?|\\*",
        topic in "[ab]:[12]?",
    ) {
        let (a, b): (Interest, Interest) = (a.parse().unwrap(), b.parse().unwrap());
        let topic: Topic = topic.parse().unwrap();
        prop_assert!(a.covers(&a));
        prop_assert_eq!(a.matches(&topic), a.covers(&topic.clone().into()));
        if a.covers(&b) && b.matches(&topic) {
            prop_assert!(a.matches(&topic));
        }
        if a.covers(&b) && b.covers(&a) {
            prop_assert_eq!(a, b);
        }
    }

    /// The check looks at bytes first; it must come to what looking at characters comes to.
    #[test]
    fn an_id_has_no_control_character(id in "[\\x00-\\xff\u{80}-\u{a0}é😀]{0,8}") {
        prop_assert_eq!(check_id(&id).is_ok(), !id.chars().any(char::is_control));
    }
}

#[test]
fn names_that_break_a_rule_are_refused_for_that_rule() {
    let longest_type = "t".repeat(MAX_TYPE_BYTES);
    let longest_id = "i".repeat(MAX_ID_BYTES);
    assert!(format!("{longest_type}:{longest_id}").parse::<Topic>().is_ok());
    for (text, expected) in [
        ("", NameError::EmptyType),
        (":", NameError::EmptyType),
        (":id", NameError::EmptyType),
        ("*:id", NameError::TypeCharacter),
        ("**", NameError::TypeCharacter),
        (".a", NameError::TypeCharacter),
        ("_a", NameError::TypeCharacter),
        ("a b", NameError::TypeCharacter),
        ("a*", NameError::TypeCharacter),
        ("é:1", NameError::TypeCharacter),
        ("__gap", NameError::ReservedType),
        ("__", NameError::ReservedType),
        ("__é:1", NameError::ReservedType),
        (&format!("{longest_type}t"), NameError::TypeTooLong),
        (&format!("a:{longest_id}i"), NameError::IdTooLong),
        (&format!("a:{}é", "i".repeat(255)), NameError::IdTooLong),
        ("a:\n", NameError::IdCharacter),
        ("a:\u{7f}", NameError::IdCharacter),
        ("a:\u{85}", NameError::IdCharacter),
        ("a:\0", NameError::IdCharacter),
    ] {
        assert_eq!(text.parse::<Interest>(), Err(expected), "{text:?}");
    }
    assert_eq!("a".parse::<Topic>(), Err(NameError::NoId));
    assert_eq!("a:".parse::<Topic>().unwrap().id(), "");
}

#[test]
fn errors_tell_a_reserved_name_from_a_bad_one() {
    assert_eq!(Error::from(NameError::ReservedType).kind(), ErrorKind::ReservedType);
    assert_eq!(Error::from(NameError::IdTooLong).kind(), ErrorKind::InvalidTopic);
}

#[test]
fn names_are_deserialised_with_the_same_rules() {
    assert_eq!(serde_json::from_str::<EventType>(r#""a.b""#).unwrap().as_str(), "a.b");
    assert!(serde_json::from_str::<EventType>(r#""__a""#).is_err());
    assert_eq!(serde_json::to_string(&EventType::from_static("a.b")).unwrap(), r#""a.b""#);
}

#[tokio::test]
async fn a_bad_name_is_refused_before_anything_is_done() {
    let pubsub = PubSub::<Dynamic>::in_process();
    let _all = pubsub.subscribe_all().await.unwrap();
    for (event_type, id, kind) in [
        ("__gap", "", ErrorKind::ReservedType),
        ("a b", "", ErrorKind::InvalidTopic),
        ("a", "\n", ErrorKind::InvalidTopic),
    ] {
        let payload = serde_json::Value::Null;
        assert_eq!(pubsub.publish(event_type, id, payload.clone()).await.unwrap_err().kind(), kind);
        assert_eq!(pubsub.try_publish(event_type, id, payload).unwrap_err().kind(), kind);
        assert_eq!(pubsub.subscribe_to(event_type, id).await.unwrap_err().kind(), kind);
    }
    assert_eq!(pubsub.subscribe("__gap").await.unwrap_err().kind(), ErrorKind::ReservedType);
    assert_eq!((pubsub.stats().published, pubsub.stats().interests), (0, 1));
}
