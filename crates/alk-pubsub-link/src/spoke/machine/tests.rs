//! The spoke's end as a table: what is wanted and what arrives, and what is done about it.

use alk_pubsub_core::{Interest, Scope};
use serde_json::{Value, json};

use super::{Confirmation, Effect, Machine};
use crate::frame::{BearerToken, Frame, Wire};

#[derive(Default)]
struct Test {
    machine: Machine,
}

fn interest(text: &str) -> Interest {
    text.parse().expect("an interest")
}

fn seen(effects: Vec<Effect>) -> Vec<Value> {
    let seen = effects.into_iter().map(|effect| match effect {
        Effect::Send(control) => {
            let frame: Value =
                serde_json::from_slice(&control.encode(Wire::Json).expect("a frame")).expect("JSON");
            json!([frame["type"], frame["id"], frame["payload"]["topics"]])
        }
        Effect::Deliver(event, scope) => {
            let topic = event.topic().to_string();
            if scope == Scope::ALL {
                json!({"deliver": topic})
            } else {
                json!({"deliver": topic, "to": [scope.topic, scope.event_type, scope.everything]})
            }
        }
        Effect::Gap(interest, gap) => json!({"gap": interest.map(|interest| interest.to_string()),
            "reason": gap.reason().as_str(), "missed": gap.missed()}),
        Effect::Confirmed(interest) => json!({"confirmed": interest.to_string()}),
        Effect::Refused(interest, error) => {
            json!({"refused": interest.to_string(), "kind": format!("{:?}", error.kind())})
        }
        Effect::Ended(interest, error) => {
            json!({"ended": interest.to_string(), "kind": format!("{:?}", error.kind())})
        }
        Effect::Expiring(after) => json!({"expiring": after.as_millis()}),
        Effect::Refreshed(expires) => json!({"refreshed": expires.map(|expires| expires.as_millis())}),
        Effect::NotRefreshed { code, .. } => json!({"not refreshed": code}),
        Effect::Published(number, Ok(published)) => {
            json!({"published": number, "receivers": published.known_receivers()})
        }
        Effect::Published(number, Err(error)) => {
            json!({"published": number, "error": format!("{:?}", error.kind())})
        }
        Effect::Complaint { code, .. } => json!({"complaint": code}),
        Effect::Settled => json!("settled"),
        Effect::RetryLater => json!("retry later"),
        Effect::Misbehaved(_) => json!("misbehaved"),
        Effect::Incompatible(version) => json!({"incompatible": version}),
        Effect::Closing { reason, reconnect, retry } => {
            json!({"closing": reason, "reconnect": reconnect, "retry_ms": retry.map(|retry| retry.as_millis())})
        }
    });
    seen.collect()
}

impl Test {
    fn connected() -> Self {
        let mut test = Self::default();
        assert_eq!(test.gets(&welcome(65_536, 128)), [json!("settled")]);
        test
    }

    /// With these interests active.
    fn active(topics: &[&str]) -> Self {
        let mut test = Self::connected();
        topics.iter().for_each(|topic| test.wants(topic));
        for asked in test.asks() {
            test.gets(&json!({"type": "__subscribed", "id": asked[1], "payload": {"topics": asked[2]}}));
        }
        test
    }

    fn wants(&mut self, topic: &str) {
        self.machine.want(&interest(topic));
    }

    fn drops(&mut self, topic: &str) -> Vec<Value> {
        let mut effects = Vec::new();
        self.machine.drop_interest(&interest(topic), &mut effects);
        seen(effects)
    }

    fn asks(&mut self) -> Vec<Value> {
        let mut effects = Vec::new();
        self.machine.ask(&mut effects);
        seen(effects)
    }

    fn gets(&mut self, frame: &Value) -> Vec<Value> {
        let mut effects = Vec::new();
        let frame = Frame::decode(Wire::Json, frame.to_string().as_bytes());
        self.machine.received(frame, &mut effects);
        seen(effects)
    }

    fn confirmation(&mut self, topic: &str) -> Confirmation {
        self.machine.confirmation(&interest(topic))
    }
}

fn welcome(max_frame_bytes: usize, max_topics: usize) -> Value {
    json!({"type": "__welcome", "id": "c", "payload": {"protocol": 1, "heartbeat_ms": 25_000,
        "max_frame_bytes": max_frame_bytes, "max_topics": max_topics}})
}

fn subscribed(id: &str, topics: &[&str]) -> Value {
    json!({"type": "__subscribed", "id": id, "payload": {"topics": topics}})
}

fn unsubscribed(id: &str, topics: &[&str]) -> Value {
    json!({"type": "__unsubscribed", "id": id, "payload": {"topics": topics}})
}

fn error(id: &str, code: &str, topic: Option<&str>) -> Value {
    json!({"type": "__error", "id": id, "payload": {"code": code, "message": "so", "topic": topic}})
}

fn event(topic: &str) -> Value {
    let (event_type, id) = topic.split_once(':').expect("a topic");
    json!({"type": event_type, "id": id, "payload": 1})
}

const NOTHING: [Value; 0] = [];

#[test]
fn nothing_is_asked_before_the_welcome_and_then_everything_at_once() {
    let mut test = Test::default();
    for topic in ["b", "a:1", "*"] {
        test.wants(topic);
        assert_eq!(test.confirmation(topic), Confirmation::Open);
    }
    assert_eq!(test.asks(), NOTHING);
    assert_eq!(test.gets(&welcome(65_536, 128)), NOTHING);
    assert_eq!(test.asks(), [json!(["__subscribe", "1", ["a:1", "b", "*"]])]);
    assert_eq!(test.asks(), NOTHING);
    let confirmed =
        [json!({"confirmed": "b"}), json!({"confirmed": "*"}), json!({"confirmed": "a:1"}), json!("settled")];
    assert_eq!(test.gets(&subscribed("1", &["b", "*", "a:1"])), confirmed);
    assert_eq!(test.confirmation("*"), Confirmation::Confirmed);
    assert_eq!(test.confirmation("c"), Confirmation::Unknown);
}

#[test]
fn what_the_hub_takes_bounds_a_frame() {
    let mut test = Test::default();
    for id in 0..5 {
        test.wants(&format!("a:{id}"));
    }
    test.gets(&welcome(65_536, 2));
    let asked = test.asks();
    assert_eq!(
        asked.iter().map(|frame| frame[2].as_array().map_or(0, Vec::len)).collect::<Vec<_>>(),
        [2, 2, 1]
    );
}

#[test]
fn refused_topics_say_why_and_the_others_are_granted() {
    let cases = [
        ("forbidden", "Denied"),
        ("expired", "Denied"),
        ("bad_topic", "InvalidTopic"),
        ("reserved_type", "ReservedType"),
        ("too_many_topics", "LimitExceeded"),
        ("too_large", "TooLarge"),
        ("bad_frame", "Decode"),
        ("of_a_later_version", "Upstream"),
    ];
    for (code, kind) in cases {
        let mut test = Test::connected();
        test.wants("a");
        test.wants("b");
        assert_eq!(test.asks(), [json!(["__subscribe", "1", ["a", "b"]])]);
        // In whichever order.
        assert_eq!(test.gets(&subscribed("1", &["b"])), [json!({"confirmed": "b"})]);
        assert_eq!(
            test.gets(&error("1", code, Some("a"))),
            [json!({"refused": "a", "kind": kind})],
            "{code}"
        );
        assert_eq!(test.asks(), NOTHING);
        // Somebody else wants it as well: it is worth another question.
        assert_eq!(test.confirmation("a"), Confirmation::Open);
        assert_eq!(test.asks(), [json!(["__subscribe", "2", ["a"]])]);
        assert_eq!(test.drops("a"), NOTHING);
    }
}

#[test]
fn an_error_without_a_topic_refuses_all_that_is_open() {
    let mut test = Test::connected();
    test.wants("a");
    test.wants("b");
    test.asks();
    let refused = [json!({"refused": "a", "kind": "Decode"}), json!({"refused": "b", "kind": "Decode"})];
    assert_eq!(test.gets(&error("1", "bad_frame", None)), refused);
}

#[test]
fn an_interest_that_the_hub_ends_is_ended_here() {
    for (code, kind) in [("forbidden", "Denied"), ("unavailable", "Upstream")] {
        let mut test = Test::active(&["a", "a:1"]);
        assert_eq!(test.gets(&error("", code, Some("a"))), [json!({"ended": "a", "kind": kind})]);
        // Nothing is asked, and a second time it is about nothing.
        assert_eq!(test.asks(), NOTHING);
        assert_eq!(test.gets(&error("", code, Some("a"))), [json!({"complaint": code})]);
        assert!(test.machine.forget_refused(&interest("a")));
        assert!(!test.machine.forget_refused(&interest("a")));
        assert!(!test.machine.forget_refused(&interest("a:1")), "that one is active");
        test.wants("a");
        assert_eq!(test.asks(), [json!(["__subscribe", "2", ["a"]])], "somebody else may try");
    }
}

#[test]
fn what_the_hub_ends_may_not_be_wanted_any_more_or_be_wanted_anew() {
    let ends = error("", "forbidden", Some("a"));
    let mut test = Test::active(&["a"]);
    test.drops("a");
    assert_eq!(test.gets(&ends), NOTHING);
    assert_eq!(test.asks(), NOTHING, "the hub need not be told");

    let mut test = Test::active(&["a"]);
    test.gets(&ends);
    test.drops("a");
    test.wants("a");
    assert!(!test.machine.forget_refused(&interest("a")), "it is somebody else's by now");
    assert_eq!(test.asks(), [json!(["__subscribe", "2", ["a"]])]);

    // It crosses a request: the answer to that decides.
    let mut test = Test::active(&["a"]);
    test.drops("a");
    test.asks();
    test.wants("a");
    assert_eq!(test.asks(), [json!(["__subscribe", "3", ["a"]])]);
    assert_eq!(test.gets(&ends), [json!({"complaint": "forbidden"})]);
    test.gets(&unsubscribed("2", &["a"]));
    assert_eq!(test.gets(&subscribed("3", &["a"])), [json!({"confirmed": "a"})]);
}

#[test]
fn what_is_refused_after_a_reconnect_is_ended_unless_it_may_be_granted_later() {
    let cases = [
        ("forbidden", Some("Denied")),
        ("too_many_topics", Some("LimitExceeded")),
        ("expired", None),
        ("unavailable", None),
    ];
    for (code, ended) in cases {
        let mut test = Test::active(&["a"]);
        test.machine.disconnected();
        test.gets(&welcome(65_536, 128));
        test.asks();
        let effects = test.gets(&error("2", code, Some("a")));
        match ended {
            Some(kind) => assert_eq!(effects, [json!({"ended": "a", "kind": kind}), json!("settled")]),
            None => assert_eq!(effects[1..], [json!("retry later"), json!("settled")], "{code}"),
        }
        // Who joins now has missed nothing.
        if test.machine.forget_refused(&interest("a")) && ended.is_some() {
            test.wants("a");
            test.asks();
            assert_eq!(test.gets(&subscribed("3", &["a"])), [json!({"confirmed": "a"})]);
        }
    }
}

#[test]
fn another_token_is_given_to_a_hub_that_asks_for_one() {
    let mut test = Test::connected();
    let refresh = |test: &mut Test| {
        let mut effects = Vec::new();
        test.machine.refresh(BearerToken::new("secret"), &mut effects);
        assert!(!format!("{effects:?}").contains("secret"));
        seen(effects)
    };
    let expiring = json!({"type": "__expiring", "payload": {"in_ms": 30_000}});
    assert_eq!(test.gets(&expiring), [json!({"expiring": 30_000})]);
    assert_eq!(refresh(&mut test), [json!(["__refresh", "1", null])]);
    assert_eq!(refresh(&mut test), NOTHING, "one at a time");
    let refreshed = |id: &str, expires: Value| json!({"type": "__refreshed", "id": id, "payload": {"expires_in_ms": expires}});
    assert_eq!(test.gets(&refreshed("2", json!(1))), [json!("misbehaved")]);
    assert_eq!(test.gets(&refreshed("1", json!(3_600_000))), [json!({"refreshed": 3_600_000})]);
    assert_eq!(test.gets(&refreshed("1", json!(1))), [json!("misbehaved")]);
    refresh(&mut test);
    assert_eq!(test.gets(&refreshed("2", json!(null))), [json!({"refreshed": null})]);
    for (id, code) in [("3", "forbidden"), ("4", "reserved_type")] {
        refresh(&mut test);
        assert_eq!(test.gets(&error(id, code, None)), [json!({"not refreshed": code})]);
    }
    refresh(&mut test);
    test.machine.disconnected();
    assert_eq!(refresh(&mut test), NOTHING, "there is nobody");
    test.gets(&welcome(65_536, 128));
    assert_eq!(refresh(&mut test), [json!(["__refresh", "6", null])]);
}

#[test]
fn who_asks_too_fast_asks_again_later() {
    let mut test = Test::connected();
    test.wants("a");
    test.asks();
    assert_eq!(test.gets(&error("1", "rate_limited", None)), [json!("retry later")]);
    assert_eq!(test.confirmation("a"), Confirmation::Open);
    assert_eq!(test.asks(), NOTHING);
    test.wants("b");
    test.machine.retry();
    assert_eq!(test.asks(), [json!(["__subscribe", "2", ["a", "b"]])]);
    test.gets(&subscribed("2", &["a", "b"]));

    test.drops("a");
    assert_eq!(test.asks(), [json!(["__unsubscribe", "3", ["a"]])]);
    assert_eq!(test.gets(&error("3", "rate_limited", None)), [json!("retry later")]);
    test.machine.retry();
    assert_eq!(test.asks(), [json!(["__unsubscribe", "4", ["a"]])]);
    assert_eq!(test.gets(&unsubscribed("4", &["a"])), NOTHING);

    test.drops("b");
    test.asks();
    test.wants("b");
    assert_eq!(test.gets(&error("5", "rate_limited", None)), [json!("retry later")]);
    assert_eq!(test.asks(), [json!(["__subscribe", "6", ["b"]])], "somebody came back");
    assert_eq!(test.gets(&subscribed("6", &["b"])), [json!({"confirmed": "b"})]);
}

#[test]
fn what_the_hub_cannot_do_now_is_told_and_asked_again_later() {
    let mut test = Test::connected();
    test.wants("a");
    test.asks();
    let refused = [json!({"refused": "a", "kind": "Upstream"}), json!("retry later")];
    assert_eq!(test.gets(&error("1", "unavailable", Some("a"))), refused);
    test.machine.retry();
    assert_eq!(test.asks(), [json!(["__subscribe", "2", ["a"]])]);
    // Nobody may want it any more by then.
    test.gets(&error("2", "unavailable", Some("a")));
    test.drops("a");
    test.machine.retry();
    assert_eq!(test.asks(), NOTHING);
}

#[test]
fn subscribe_and_unsubscribe_races_converge_on_what_is_wanted() {
    let mut test = Test::connected();
    test.wants("a");
    test.drops("a");
    assert_eq!(test.asks(), NOTHING, "it came and went unasked");

    test.wants("a");
    assert_eq!(test.asks(), [json!(["__subscribe", "1", ["a"]])]);
    test.drops("a");
    assert_eq!(test.asks(), [json!(["__unsubscribe", "2", ["a"]])]);
    test.wants("a");
    assert_eq!(test.asks(), [json!(["__subscribe", "3", ["a"]])]);
    // Only the answer to the last question counts.
    assert_eq!(test.gets(&subscribed("1", &["a"])), NOTHING);
    assert_eq!(test.confirmation("a"), Confirmation::Open);
    assert_eq!(test.gets(&unsubscribed("2", &["a"])), NOTHING);
    assert_eq!(test.gets(&subscribed("3", &["a"])), [json!({"confirmed": "a"})]);

    test.drops("a");
    test.wants("a");
    assert_eq!(test.confirmation("a"), Confirmation::Confirmed, "the hub was not told that it went");
    assert_eq!(test.asks(), NOTHING);
}

#[test]
fn what_goes_is_told_before_what_comes() {
    let mut test = Test::active(&["b"]);
    test.wants("a");
    test.drops("b");
    let asked = [json!(["__unsubscribe", "2", ["b"]]), json!(["__subscribe", "3", ["a"]])];
    assert_eq!(test.asks(), asked);
}

#[test]
fn a_lost_connection_is_one_gap_before_any_newer_event() {
    let mut test = Test::active(&["a:1", "a"]);
    assert_eq!(test.gets(&event("a:1")), [json!({"deliver": "a:1"})]);
    test.machine.disconnected();
    test.wants("new");
    assert_eq!(test.confirmation("a"), Confirmation::Open);
    assert_eq!(test.gets(&welcome(65_536, 1)), NOTHING);
    let asked = [
        json!(["__subscribe", "2", ["a:1"]]),
        json!(["__subscribe", "3", ["a"]]),
        json!(["__subscribe", "4", ["new"]]),
    ];
    assert_eq!(test.asks(), asked);
    let gap = |topic: &str| json!({"gap": topic, "reason": "upstream_reconnected", "missed": null});
    assert_eq!(test.gets(&subscribed("2", &["a:1"])), [gap("a:1"), json!({"confirmed": "a:1"})]);
    // Listeners of the type would hear this before their gap, so they do not: it is part of it.
    assert_eq!(test.gets(&event("a:1")), [json!({"deliver": "a:1", "to": [true, false, true]})]);
    assert_eq!(test.gets(&subscribed("3", &["a"])), [gap("a"), json!({"confirmed": "a"})]);
    assert_eq!(test.gets(&event("a:1")), [json!({"deliver": "a:1"})]);
    // Who joined while there was no connection has missed nothing.
    assert_eq!(test.gets(&subscribed("4", &["new"])), [json!({"confirmed": "new"}), json!("settled")]);
}

#[test]
fn a_second_loss_in_the_middle_starts_over_with_one_gap() {
    let mut test = Test::active(&["a", "b"]);
    for _ in 0..3 {
        test.machine.disconnected();
        test.gets(&welcome(65_536, 128));
        test.asks();
    }
    let gap = |topic: &str| json!({"gap": topic, "reason": "upstream_reconnected", "missed": null});
    let answers = [gap("a"), json!({"confirmed": "a"})];
    assert_eq!(test.gets(&subscribed("4", &["a"])), answers);
    test.machine.disconnected();
    test.gets(&welcome(65_536, 128));
    test.asks();
    let answers =
        [gap("a"), json!({"confirmed": "a"}), gap("b"), json!({"confirmed": "b"}), json!("settled")];
    assert_eq!(test.gets(&subscribed("5", &["a", "b"])), answers);
}

#[test]
fn who_leaves_while_disconnected_is_owed_nothing() {
    let mut test = Test::active(&["a", "b"]);
    test.machine.disconnected();
    assert_eq!(test.drops("a"), NOTHING);
    test.wants("a");
    test.gets(&welcome(65_536, 128));
    test.asks();
    assert_eq!(test.gets(&subscribed("2", &["a"])), [json!({"confirmed": "a"})]);
    assert_eq!(test.drops("b"), [json!("settled")], "the last that was awaited has gone");
}

#[test]
fn what_is_refused_after_a_reconnect_still_owes_its_gap() {
    let mut test = Test::active(&["a", "b"]);
    test.machine.disconnected();
    test.gets(&welcome(65_536, 128));
    test.asks();
    test.gets(&subscribed("2", &["b"]));
    let refused = [json!({"refused": "a", "kind": "Upstream"}), json!("retry later"), json!("settled")];
    assert_eq!(test.gets(&error("2", "unavailable", Some("a"))), refused);
    test.machine.retry();
    test.asks();
    assert_eq!(test.gets(&event("a:1")), [json!({"deliver": "a:1", "to": [true, false, true]})]);
    let gap = json!({"gap": "a", "reason": "upstream_reconnected", "missed": null});
    assert_eq!(test.gets(&subscribed("3", &["a"])), [gap, json!({"confirmed": "a"})]);
}

#[test]
fn a_hub_that_does_not_decide_holds_nothing_up_for_ever() {
    let mut test = Test::active(&["a"]);
    test.machine.disconnected();
    assert_eq!(test.gets(&welcome(65_536, 128)), NOTHING);
    test.asks();
    let mut effects = Vec::new();
    test.machine.settle_anyway(&mut effects);
    assert_eq!(seen(effects), [json!("settled")]);
    let gap = json!({"gap": "a", "reason": "upstream_reconnected", "missed": null});
    assert_eq!(test.gets(&subscribed("2", &["a"])), [gap, json!({"confirmed": "a"})]);
}

#[test]
fn publishes_are_answered_by_number() {
    let mut test = Test::connected();
    let (one, two) = (test.machine.number(), test.machine.number());
    assert_ne!(one, two);
    let published = |id: u64, receivers: Value| json!({"type": "__published", "id": id.to_string(), "payload": {"receivers": receivers}});
    assert_eq!(test.gets(&published(two, json!(3))), [json!({"published": two, "receivers": 3})]);
    assert_eq!(test.gets(&published(one, json!(null))), [json!({"published": one, "receivers": null})]);
    assert_eq!(test.gets(&error("2", "forbidden", None)), [json!({"published": 2, "error": "Denied"})]);
    assert_eq!(test.gets(&error("2", "rate_limited", None)), [json!({"published": 2, "error": "Upstream"})]);
    assert_eq!(test.gets(&error("", "forbidden", None)), [json!({"complaint": "forbidden"})]);
}

#[test]
fn gaps_of_the_hub_are_for_everybody() {
    let mut test = Test::active(&["a"]);
    for (reason, missed) in [("slow_consumer", json!(17)), ("upstream_reconnected", json!(null))] {
        let gap = json!({"type": "__gap", "payload": {"reason": reason, "missed": missed}});
        assert_eq!(test.gets(&gap), [json!({"gap": null, "reason": "remote", "missed": missed})]);
    }
}

#[test]
fn the_hub_may_say_good_bye() {
    let mut test = Test::connected();
    let close =
        json!({"type": "__close", "payload": {"reason": "shutdown", "reconnect": true, "retry_ms": 1200}});
    let closing = json!({"closing": "shutdown", "reconnect": true, "retry_ms": 1200});
    assert_eq!(test.gets(&close), [closing]);
    // Also instead of a welcome.
    let close = json!({"type": "__close", "payload": {"reason": "full"}});
    let closing = json!({"closing": "full", "reconnect": true, "retry_ms": null});
    assert_eq!(Test::default().gets(&close), [closing]);
}

#[test]
fn what_a_hub_must_not_send_is_left_out() {
    let bad = [
        json!([]),
        json!({"type": "a", "id": 1}),
        json!({"type": "__nonsense"}),
        json!({"type": "__subscribe", "id": "1", "payload": {"topics": ["a"]}}),
        json!({"type": "__unsubscribe", "id": "1", "payload": {"topics": ["a"]}}),
        json!({"type": "__publish", "id": "1", "payload": {"type": "a"}}),
        subscribed("7", &["a"]),
        subscribed("x", &["a"]),
        unsubscribed("7", &["a"]),
        unsubscribed("1", &["a"]),
        subscribed("1", &["b"]),
        subscribed("1", &["x y"]),
        error("1", "forbidden", Some("b")),
        json!({"type": "__published", "id": "x", "payload": {"receivers": 1}}),
        welcome(1, 1),
    ];
    let mut test = Test::connected();
    test.wants("a");
    test.asks();
    for frame in bad {
        assert_eq!(test.gets(&frame), [json!("misbehaved")], "{frame}");
    }
    assert_eq!(test.gets(&subscribed("1", &["a"])), [json!({"confirmed": "a"})]);
    // Before the welcome, nothing else may come.
    for frame in [event("a:1"), subscribed("1", &["a"])] {
        assert_eq!(Test::default().gets(&frame), [json!("misbehaved")], "{frame}");
    }
    let mut later = welcome(1, 1);
    later["payload"]["protocol"] = json!(2);
    assert_eq!(Test::default().gets(&later), [json!({"incompatible": 2})]);
}
