//! The hub's end as a table: what arrives, and what is done about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alk_pubsub_core::{Error, ErrorKind, Gap, GapReason, Interest, Published, Receivers, Topic};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Effect, Machine, Token};
use crate::code::ErrorCode;
use crate::frame::{Frame, Wire};
use crate::hub::authorizer::Authorizer;
use crate::hub::connection::ConnectionInfo;
use crate::hub::denied::Denied;
use crate::hub::limits::Limits;

mod rights;

/// Types that start with `no` are not for anybody; `late` is while nobody says otherwise.
#[derive(Default)]
struct NoNo {
    no_late: AtomicBool,
}

impl Authorizer for NoNo {
    fn may_subscribe(&self, _: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let late = interest.to_string().starts_with("late") && self.no_late.load(Ordering::Relaxed);
        if late || interest.to_string().starts_with("no") { Err(Denied::new("no")) } else { Ok(()) }
    }

    fn may_publish(&self, _: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        if topic.event_type().as_str().starts_with("no") { Err(Denied::new("no")) } else { Ok(()) }
    }
}

struct Test {
    authorizer: Arc<NoNo>,
    machine: Machine,
    now: Instant,
    /// Subscriptions that the target has not decided on.
    asked: Vec<(Token, Interest)>,
}

impl Test {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let mut effects = Vec::new();
        let connection = ConnectionInfo::new("c", None);
        let authorizer = Arc::<NoNo>::default();
        let machine = Machine::new(connection, Arc::new(limits), authorizer.clone(), &mut effects);
        let mut test = Self { authorizer, machine, now: Instant::now(), asked: Vec::new() };
        let welcome = test.seen(effects);
        assert_eq!(welcome.len(), 1);
        assert_eq!(welcome[0]["type"], "__welcome");
        test
    }

    /// Effects as JSON, short: frames as they are, other effects by name.
    fn seen(&mut self, effects: Vec<Effect>) -> Vec<Value> {
        let seen = effects.into_iter().map(|effect| match effect {
            Effect::Send(control) => {
                let frame = control.encode(Wire::Json).expect("a frame");
                let mut frame: Value = serde_json::from_slice(&frame).expect("JSON");
                // The words are for people.
                if let Some(payload) = frame["payload"].as_object_mut() {
                    payload.remove("message");
                }
                frame
            }
            Effect::Subscribe(token, interest) => {
                let seen = json!({"subscribe": interest.to_string()});
                self.asked.push((token, interest));
                seen
            }
            Effect::Unsubscribe(interest) => json!({"unsubscribe": interest.to_string()}),
            Effect::Publish(reference, event) => {
                json!({"publish": event.topic().to_string(), "reference": reference})
            }
            Effect::Refresh(reference, token) => json!({"refresh": token.as_str(), "reference": reference}),
            Effect::Close(code, reason) => json!({"close": code.code(), "reason": reason}),
        });
        seen.collect()
    }

    fn gets(&mut self, frame: &Value) -> Vec<Value> {
        self.gets_text(&frame.to_string())
    }

    fn gets_text(&mut self, frame: &str) -> Vec<Value> {
        let mut effects = Vec::new();
        self.machine.received(Frame::decode(Wire::Json, frame.as_bytes()), self.now, &mut effects);
        self.seen(effects)
    }

    /// The target decides on the subscription that was asked for the longest time ago.
    fn decides(&mut self, result: Result<(), ErrorKind>) -> (bool, Vec<Value>) {
        let (token, interest) = self.asked.remove(0);
        let error = result.err().map(|kind| Error::new(kind, "so"));
        let mut effects = Vec::new();
        let result = error.as_ref().map_or(Ok(()), Err);
        let wanted = self.machine.subscribed(token, &interest, result, &mut effects);
        (wanted, self.seen(effects))
    }

    fn subscribes_to(&mut self, topic: &str) {
        self.gets(&subscribe("s", &[topic]));
        assert_eq!(self.decides(Ok(())), (true, vec![subscribed("s", &[topic])]));
    }
}

fn frame(event_type: &str, id: &str, topics: &[&str]) -> Value {
    json!({"type": event_type, "id": id, "payload": {"topics": topics}})
}

fn subscribe(id: &str, topics: &[&str]) -> Value {
    frame("__subscribe", id, topics)
}

fn subscribed(id: &str, topics: &[&str]) -> Value {
    frame("__subscribed", id, topics)
}

fn unsubscribe(id: &str, topics: &[&str]) -> Value {
    frame("__unsubscribe", id, topics)
}

fn unsubscribed(id: &str, topics: &[&str]) -> Value {
    frame("__unsubscribed", id, topics)
}

fn error(id: &str, code: ErrorCode, topic: Option<&str>) -> Value {
    let mut error = json!({"type": "__error", "id": id, "payload": {"code": code.as_str()}});
    if let Some(topic) = topic {
        error["payload"]["topic"] = topic.into();
    }
    error
}

fn asks(topic: &str) -> Value {
    json!({"subscribe": topic})
}

#[test]
fn the_answer_comes_when_all_topics_are_decided() {
    let mut test = Test::new();
    assert_eq!(test.gets(&subscribe("1", &["a:1", "b", "*"])), [asks("a:1"), asks("b"), asks("*")]);
    assert_eq!(test.decides(Ok(())), (true, vec![]));
    assert_eq!(test.decides(Ok(())), (true, vec![]));
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("1", &["a:1", "b", "*"])]));
}

#[test]
fn each_refused_topic_has_an_error_of_its_own() {
    let mut test = Test::with(|limits| limits.max_topics = 2);
    let effects = test.gets(&subscribe("1", &["a:1", "no:1", "x y", "__gap", "b", "c", ""]));
    assert_eq!(
        effects,
        [
            asks("a:1"),
            error("1", ErrorCode::Forbidden, Some("no:1")),
            error("1", ErrorCode::BadTopic, Some("x y")),
            error("1", ErrorCode::ReservedType, Some("__gap")),
            asks("b"),
            error("1", ErrorCode::TooManyTopics, Some("c")),
            error("1", ErrorCode::BadTopic, Some("")),
        ]
    );
    assert_eq!(
        test.decides(Err(ErrorKind::Upstream)),
        (false, vec![error("1", ErrorCode::Unavailable, Some("a:1"))])
    );
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("1", &["b"])]));
    // What was refused takes no place.
    assert_eq!(test.gets(&subscribe("2", &["c"])), [asks("c")]);
}

#[test]
fn a_request_of_which_everything_is_refused_has_errors_only() {
    let mut test = Test::new();
    assert_eq!(test.gets(&subscribe("1", &["no:1"])), [error("1", ErrorCode::Forbidden, Some("no:1"))]);
    assert_eq!(test.gets(&subscribe("2", &[])), [subscribed("2", &[])]);
}

#[test]
fn every_error_of_a_target_has_its_code() {
    let cases = [
        (ErrorKind::InvalidTopic, ErrorCode::BadTopic),
        (ErrorKind::ReservedType, ErrorCode::ReservedType),
        (ErrorKind::TooLarge, ErrorCode::TooLarge),
        (ErrorKind::Encode, ErrorCode::BadFrame),
        (ErrorKind::Decode, ErrorCode::BadFrame),
        (ErrorKind::Denied, ErrorCode::Forbidden),
        (ErrorKind::Unsupported, ErrorCode::Forbidden),
        (ErrorKind::LimitExceeded, ErrorCode::TooManyTopics),
        (ErrorKind::Disconnected, ErrorCode::Unavailable),
        (ErrorKind::Closed, ErrorCode::Unavailable),
        (ErrorKind::Timeout, ErrorCode::Unavailable),
        (ErrorKind::WouldBlock, ErrorCode::Unavailable),
        (ErrorKind::Upstream, ErrorCode::Unavailable),
    ];
    for (kind, code) in cases {
        let mut test = Test::new();
        test.gets(&subscribe("1", &["a"]));
        assert_eq!(test.decides(Err(kind)), (false, vec![error("1", code, Some("a"))]), "{kind:?}");
        let mut effects = Vec::new();
        test.machine.published(Some("2".to_owned()), Err(Error::new(kind, "so")), &mut effects);
        assert_eq!(test.seen(effects), [error("2", code, None)], "{kind:?}");
    }
}

#[test]
fn a_topic_asked_for_twice_counts_once() {
    let mut test = Test::with(|limits| limits.max_topics = 1);
    assert_eq!(test.gets(&subscribe("1", &["a", "a", "a"])), [asks("a")]);
    assert_eq!(test.gets(&subscribe("2", &["a"])), [] as [Value; 0]);
    let granted = vec![subscribed("1", &["a"]), subscribed("2", &["a"])];
    assert_eq!(test.decides(Ok(())), (true, granted));
    assert_eq!(test.gets(&subscribe("3", &["a", "a"])), [subscribed("3", &["a"])]);
    let gone = [json!({"unsubscribe": "a"}), unsubscribed("4", &["a"])];
    assert_eq!(test.gets(&unsubscribe("4", &["a", "a"])), gone);
}

#[test]
fn unsubscribing_overtakes_a_subscription_that_is_pending() {
    let mut test = Test::new();
    test.gets(&subscribe("1", &["a", "b"]));
    let effects = test.gets(&unsubscribe("2", &["a"]));
    assert_eq!(effects, [json!({"unsubscribe": "a"}), unsubscribed("2", &["a"])]);
    // The target's late answer changes nothing, and the subscription is to be dropped.
    assert_eq!(test.decides(Ok(())), (false, vec![]));
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("1", &["b"])]));
}

#[test]
fn a_second_attempt_is_told_from_the_first() {
    let mut test = Test::new();
    test.gets(&subscribe("1", &["a"]));
    let effects = test.gets(&unsubscribe("2", &["a"]));
    let answers = [json!({"unsubscribe": "a"}), subscribed("1", &[]), unsubscribed("2", &["a"])];
    assert_eq!(effects, answers);
    assert_eq!(test.gets(&subscribe("3", &["a"])), [asks("a")]);
    assert_eq!(test.decides(Ok(())), (false, vec![]));
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("3", &["a"])]));
}

#[test]
fn what_was_unsubscribed_meanwhile_is_not_called_active() {
    let mut test = Test::new();
    test.gets(&subscribe("1", &["a", "b"]));
    assert_eq!(test.decides(Ok(())), (true, vec![]));
    let gone = [json!({"unsubscribe": "a"}), unsubscribed("2", &["a"])];
    assert_eq!(test.gets(&unsubscribe("2", &["a"])), gone);
    assert_eq!(test.gets(&subscribe("3", &["a"])), [asks("a")]);
    // The first request is answered while the second one for `a` is not.
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("1", &["b"])]));
    assert_eq!(test.decides(Ok(())), (true, vec![subscribed("3", &["a"])]));
}

#[test]
fn what_was_never_asked_for_can_be_unsubscribed() {
    let mut test = Test::new();
    assert_eq!(test.gets(&unsubscribe("1", &["a"])), [unsubscribed("1", &["a"])]);
    assert_eq!(test.gets(&unsubscribe("2", &[])), [unsubscribed("2", &[])]);
    let effects = test.gets(&unsubscribe("3", &["x y", "a"]));
    assert_eq!(effects, [error("3", ErrorCode::BadTopic, Some("x y")), unsubscribed("3", &["a"])]);
    assert_eq!(test.gets(&unsubscribe("4", &["x y"])), [error("4", ErrorCode::BadTopic, Some("x y"))]);
}

#[test]
fn a_request_for_far_too_many_topics_is_one_error() {
    let mut test = Test::with(|limits| limits.max_topics = 1);
    let many: Vec<_> = (0..69).map(|n| format!("no:{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(test.gets(&subscribe("1", &many)), [error("1", ErrorCode::TooManyTopics, None)]);
    assert_eq!(test.gets(&unsubscribe("2", &many)), [error("2", ErrorCode::TooManyTopics, None)]);
    assert_eq!(test.gets(&subscribe("3", &many[..68])).len(), 68);
}

#[test]
fn events_are_published_with_and_without_an_answer() {
    let mut test = Test::new();
    let effects = test.gets(&json!({"type": "a", "id": "1"}));
    assert_eq!(effects, [json!({"publish": "a:1", "reference": null})]);
    let effects = test.gets(&json!({"type": "__publish", "id": "7", "payload": {"type": "a"}}));
    assert_eq!(effects, [json!({"publish": "a:", "reference": "7"})]);
    let forbidden = error("", ErrorCode::Forbidden, None);
    assert_eq!(test.gets(&json!({"type": "no", "id": "1"})), [forbidden]);
    let effects = test.gets(&json!({"type": "__publish", "id": "8", "payload": {"type": "no"}}));
    assert_eq!(effects, [error("8", ErrorCode::Forbidden, Some("no:"))]);

    let answers = [
        (Receivers::Exact(2), json!(2)),
        (Receivers::AtLeast(1), json!(1)),
        (Receivers::Unknown, json!(null)),
    ];
    for (receivers, expected) in answers {
        let mut effects = Vec::new();
        test.machine.published(Some("7".to_owned()), Ok(Published { receivers }), &mut effects);
        let published = json!({"type": "__published", "id": "7", "payload": {"receivers": expected}});
        assert_eq!(test.seen(effects), [published]);
    }
    let mut effects = Vec::new();
    test.machine.published(None, Ok(Published::exact(1)), &mut effects);
    assert_eq!(test.seen(effects), [] as [Value; 0]);
    let mut effects = Vec::new();
    test.machine.published(None, Err(Error::closed()), &mut effects);
    assert_eq!(test.seen(effects), [error("", ErrorCode::Unavailable, None)]);
}

#[test]
fn gaps_are_told() {
    let mut test = Test::new();
    let cases = [
        (GapReason::Overflow, Some(17), "slow_consumer"),
        (GapReason::Reconnected, None, "upstream_reconnected"),
        (GapReason::TransportLag, Some(1), "upstream_lag"),
        (GapReason::Undecodable, Some(1), "undecodable"),
        (GapReason::Remote, None, "remote"),
    ];
    for (reason, missed, name) in cases {
        let mut effects = Vec::new();
        test.machine.gap(Gap::new(reason, missed), &mut effects);
        let gap = json!({"type": "__gap", "id": "", "payload": {"reason": name, "missed": missed}});
        assert_eq!(test.seen(effects), [gap]);
    }
}

#[test]
fn frames_that_are_for_spokes_are_refused_and_the_link_stays() {
    let mut test = Test::new();
    let wrong = [
        json!({"type": "__subscribed", "id": "1", "payload": {"topics": []}}),
        json!({"type": "__unsubscribed", "id": "1", "payload": {"topics": []}}),
        json!({"type": "__published", "id": "1", "payload": {"receivers": 1}}),
        json!({"type": "__gap", "payload": {"reason": "", "missed": 1}}),
        json!({"type": "__close", "payload": {}}),
        json!({"type": "__error", "payload": {"code": "", "message": ""}}),
        json!({"type": "__welcome", "payload":
            {"protocol": 1, "heartbeat_ms": 1, "max_frame_bytes": 1, "max_topics": 1}}),
    ];
    for frame in wrong {
        assert_eq!(test.gets(&frame), [error("", ErrorCode::ReservedType, None)], "{frame}");
    }
    test.subscribes_to("a");
}

#[test]
fn too_many_bad_frames_end_the_link() {
    let mut test = Test::with(|limits| limits.max_bad_frames = 3);
    let bad = error("", ErrorCode::BadFrame, None);
    assert_eq!(test.gets_text("nonsense"), std::slice::from_ref(&bad));
    assert_eq!(test.gets(&json!({"type": "__x", "id": "1"})), [error("1", ErrorCode::ReservedType, None)]);
    let close = json!({"type": "__close", "id": "", "payload":
        {"reason": "too many bad frames", "reconnect": false, "retry_ms": null}});
    let closed = json!({"close": 1008, "reason": "too many bad frames"});
    assert_eq!(test.gets_text("{}"), [bad, close, closed]);
    // Nothing follows.
    assert_eq!(test.gets_text("{}"), [] as [Value; 0]);
    assert_eq!(test.gets(&subscribe("1", &["a"])), [] as [Value; 0]);
    let mut effects = Vec::new();
    test.machine.published(Some("1".to_owned()), Ok(Published::exact(1)), &mut effects);
    assert_eq!(test.seen(effects), [] as [Value; 0]);
}

#[test]
fn control_frames_have_a_rate_and_a_burst() {
    let mut test = Test::with(|limits| (limits.control_rate, limits.control_burst) = (10, 3));
    for _ in 0..3 {
        assert_eq!(test.gets(&unsubscribe("1", &["a"])), [unsubscribed("1", &["a"])]);
    }
    assert_eq!(test.gets(&unsubscribe("2", &["a"])), [error("2", ErrorCode::RateLimited, None)]);
    assert_eq!(test.gets(&subscribe("3", &["a"])), [error("3", ErrorCode::RateLimited, None)]);
    // Events have a rate of their own.
    assert_eq!(test.gets(&json!({"type": "a"})).len(), 1);
    test.now += Duration::from_millis(99);
    assert_eq!(test.gets(&unsubscribe("4", &["a"])), [error("4", ErrorCode::RateLimited, None)]);
    test.now += Duration::from_millis(2);
    assert_eq!(test.gets(&unsubscribe("5", &["a"])), [unsubscribed("5", &["a"])]);
    assert_eq!(test.gets(&unsubscribe("6", &["a"])), [error("6", ErrorCode::RateLimited, None)]);
    test.now += Duration::from_secs(3600);
    assert_eq!(
        (0..10).filter(|_| test.gets(&unsubscribe("7", &["a"])) == [unsubscribed("7", &["a"])]).count(),
        3
    );
}

#[test]
fn events_have_a_rate_where_one_is_set() {
    let mut test = Test::with(|limits| limits.max_publish_rate = Some(2));
    let publish = json!({"type": "__publish", "id": "1", "payload": {"type": "a"}});
    let sent = [json!({"publish": "a:", "reference": "1"})];
    assert_eq!(test.gets(&publish), sent);
    assert_eq!(test.gets(&publish), sent);
    assert_eq!(test.gets(&publish), [error("1", ErrorCode::RateLimited, None)]);
    assert_eq!(test.gets(&json!({"type": "a"})), [error("", ErrorCode::RateLimited, None)]);
    test.now += Duration::from_millis(501);
    assert_eq!(test.gets(&publish), sent);
}

#[test]
fn codes_have_names_and_kinds() {
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::from_name(code.as_str()), Some(code));
        assert_eq!(code.to_string(), code.as_str());
    }
    assert_eq!(ErrorCode::from_name("unknown"), None);
    assert_eq!(ErrorCode::Expired.error_kind(), ErrorKind::Denied);
    assert_eq!(ErrorCode::RateLimited.error_kind(), ErrorKind::Upstream);
}
