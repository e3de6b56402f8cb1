//! The example runs and shows what it says it shows.

#[path = "../examples/operators.rs"]
#[allow(dead_code, reason = "its `main` is not called here")]
mod operators;

use std::collections::BTreeMap;

#[tokio::test(start_paused = true)]
async fn the_first_thousand_tokens_are_shown_once_and_in_order() {
    let mut out = Vec::new();
    operators::run(&mut out).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    let mut sessions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in out.lines() {
        let (session, text) = line.split_once(": ").unwrap();
        sessions.entry(session).or_default().extend(text.split_whitespace());
    }
    assert_eq!(sessions.len(), 20);
    assert_eq!(sessions.values().map(Vec::len).sum::<usize>(), 1000);
    for (session, tokens) in sessions {
        let expected: Vec<String> = (0..tokens.len()).map(|number| format!("w{number}")).collect();
        assert_eq!(tokens, expected, "{session}");
    }
    assert!(out.lines().count() < 500, "tokens are put together");
}
