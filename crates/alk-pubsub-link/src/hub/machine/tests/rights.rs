//! Rights that end, and requests that pile up.

use std::sync::atomic::Ordering;
use std::time::Duration;

use alk_pubsub_core::ErrorKind;
use serde_json::{Value, json};

use super::{Effect, Machine, Test, subscribe, subscribed};
use crate::code::ErrorCode;
use crate::hub::denied::Denied;

impl Test {
    fn does(&mut self, change: impl FnOnce(&mut Machine, &mut Vec<Effect>)) -> Vec<Value> {
        let mut effects = Vec::new();
        change(&mut self.machine, &mut effects);
        self.seen(effects)
    }
}

fn error(reference: &str, code: &str, topic: Option<&str>) -> Value {
    let mut payload = json!({"code": code});
    if let Some(topic) = topic {
        payload["topic"] = topic.into();
    }
    json!({"type": "__error", "id": reference, "payload": payload})
}

fn refresh(reference: &str) -> Value {
    json!({"type": "__refresh", "id": reference, "payload": {"token": "t"}})
}

#[test]
fn a_refresh_is_answered_with_the_time_that_is_left() {
    let mut test = Test::new();
    assert_eq!(test.gets(&refresh("r")), [json!({"refresh": "t", "reference": "r"})]);
    // One at a time.
    assert_eq!(test.gets(&refresh("q")), [error("q", "rate_limited", None)]);
    let left = Some(Duration::from_millis(1500));
    let answer = test.does(|machine, effects| machine.refreshed("r".into(), Ok(left), effects));
    assert_eq!(answer, [json!({"type": "__refreshed", "id": "r", "payload": {"expires_in_ms": 1500}})]);
    assert_eq!(test.gets(&refresh("q")).len(), 1);
    let answer = test.does(|machine, effects| machine.refreshed("q".into(), Ok(None), effects));
    assert_eq!(answer, [json!({"type": "__refreshed", "id": "q", "payload": {"expires_in_ms": null}})]);
}

#[test]
fn a_refused_refresh_changes_nothing() {
    for (denied, code) in [(Denied::new("no"), "forbidden"), (Denied::expired("no"), "expired")] {
        let mut test = Test::new();
        test.subscribes_to("late:1");
        test.authorizer.no_late.store(true, Ordering::Relaxed);
        test.gets(&refresh("r"));
        let answer = test.does(|machine, effects| machine.refreshed("r".into(), Err(denied), effects));
        assert_eq!(answer, [error("r", code, None)]);
        assert_eq!(test.gets(&subscribe("s", &["late:1"])), [subscribed("s", &["late:1"])]);
    }
}

#[test]
fn interests_that_are_not_allowed_any_more_end_and_can_be_asked_for_again() {
    let mut test = Test::new();
    test.subscribes_to("late:1");
    test.subscribes_to("ok");
    assert_eq!(test.gets(&subscribe("w", &["late:2"])), [json!({"subscribe": "late:2"})]);
    test.authorizer.no_late.store(true, Ordering::Relaxed);
    test.gets(&refresh("r"));
    let mut answer = test.does(|machine, effects| machine.refreshed("r".into(), Ok(None), effects));
    assert_eq!(answer.remove(0)["type"], "__refreshed");
    answer.sort_by_key(|seen| (seen["unsubscribe"].is_null(), seen.to_string()));
    assert_eq!(
        answer,
        [
            json!({"unsubscribe": "late:1"}),
            json!({"unsubscribe": "late:2"}),
            error("", "forbidden", Some("late:1")),
            // This one was not granted yet, so its request is refused.
            error("w", "forbidden", Some("late:2")),
        ]
    );
    assert_eq!(test.decides(Ok(())), (false, vec![]), "nobody wants it any more");
    assert_eq!(test.gets(&subscribe("s", &["late:1"])), [error("s", "forbidden", Some("late:1"))]);
    test.authorizer.no_late.store(false, Ordering::Relaxed);
    test.subscribes_to("late:1");
}

#[test]
fn an_interest_that_the_upstream_takes_away_is_told_once() {
    let mut test = Test::new();
    test.subscribes_to("a:1");
    let gone = "a:1".parse().unwrap();
    let ended = test.does(|machine, effects| machine.end(&gone, ErrorCode::Unavailable, "gone", effects));
    assert_eq!(ended, [json!({"unsubscribe": "a:1"}), error("", "unavailable", Some("a:1"))]);
    assert!(
        test.does(|machine, effects| machine.end(&gone, ErrorCode::Unavailable, "gone", effects)).is_empty()
    );
}

#[test]
fn an_answer_that_is_still_to_come_does_not_call_active_what_has_ended() {
    let mut test = Test::new();
    test.subscribes_to("a:1");
    assert_eq!(test.gets(&subscribe("s", &["a:1", "b:1"])), [json!({"subscribe": "b:1"})]);
    let gone = "a:1".parse().unwrap();
    let ended = test.does(|machine, effects| machine.end(&gone, ErrorCode::Forbidden, "gone", effects));
    let told = ["", "s"].map(|reference| error(reference, "forbidden", Some("a:1")));
    assert_eq!(ended, [json!({"unsubscribe": "a:1"}), told[0].clone(), told[1].clone()]);
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("s", &["b:1"])]));
}

#[test]
fn who_asks_for_the_same_again_and_again_fills_no_memory() {
    let mut test = Test::with(|limits| limits.max_topics = 2);
    // Twice in one request counts once, and is answered once.
    assert_eq!(test.gets(&subscribe("1", &["a", "a"])), [json!({"subscribe": "a"})]);
    for _ in 1..64 {
        assert!(test.gets(&subscribe("2", &["a"])).is_empty());
    }
    assert_eq!(test.gets(&subscribe("3", &["a"])), [error("3", "rate_limited", None)]);
    let (_, answers) = test.decides(Ok(()));
    assert_eq!(answers.len(), 64);
    assert_eq!(answers[..2], [subscribed("1", &["a"]), subscribed("2", &["a"])]);
    assert_eq!(test.gets(&subscribe("4", &["a"])), [subscribed("4", &["a"])]);
    assert_eq!(test.gets(&subscribe("5", &["b", "b"])), [json!({"subscribe": "b"})]);
    let refused = test.decides(Err(ErrorKind::Timeout));
    assert_eq!(refused, (false, vec![error("5", "unavailable", Some("b"))]));
}

#[test]
fn an_end_that_is_near_is_told_unless_the_link_is_closed() {
    let mut test = Test::new();
    let told = test.does(|machine, effects| machine.expiring(Duration::from_secs(30), effects));
    assert_eq!(told, [json!({"type": "__expiring", "id": "", "payload": {"in_ms": 30_000}})]);
}
