//! Tokens that end while a connection lasts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alk_pubsub_core::{ConnectionState, EventTarget};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::support::{Script, reaches};
use crate::error::{Error as PipeError, ErrorKind as PipeErrorKind};
use crate::frame::{BearerToken, Wire};
use crate::pipe::{MemoryPipe, memory_pipe};
use crate::spoke::{Connector, LinkEventTarget, SpokeOptions, connect};

/// Makes memory pipes, and has so many tokens.
struct WithTokens {
    pipes: mpsc::Sender<MemoryPipe>,
    tokens: Arc<Mutex<Vec<&'static str>>>,
    /// Whether the last token is there for ever.
    for_ever: bool,
    asked: Arc<AtomicUsize>,
}

impl Connector for WithTokens {
    type Pipe = MemoryPipe;

    async fn connect(&self) -> Result<MemoryPipe, PipeError> {
        let (near, far) = memory_pipe(Wire::Json, 4096);
        let gone = |_| PipeError::new(PipeErrorKind::Io, "the script has ended");
        self.pipes.try_send(far).map(|()| near).map_err(gone)
    }

    async fn token(&self) -> Result<Option<BearerToken>, PipeError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut tokens = self.tokens.lock().expect("no panic");
        let token = if self.for_ever { tokens.last().copied() } else { tokens.pop() };
        match token {
            Some("fails") => Err(PipeError::new(PipeErrorKind::Io, "there is none now")),
            token => Ok(token.map(BearerToken::new)),
        }
    }
}

/// A spoke with these tokens, of which the last comes first and, if `for_ever`, again and again.
async fn spoke(tokens: &[&'static str], for_ever: bool) -> (LinkEventTarget, Script, Arc<AtomicUsize>) {
    let (pipes, connections) = mpsc::channel(10);
    let (tokens, asked) = (Arc::new(Mutex::new(tokens.to_vec())), Arc::new(AtomicUsize::new(0)));
    let target =
        connect(WithTokens { pipes, tokens, for_ever, asked: asked.clone() }, SpokeOptions::default());
    let mut hub = Script::over(connections);
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    (target, hub, asked)
}

fn expiring(in_ms: u64) -> Value {
    json!({"type": "__expiring", "id": "", "payload": {"in_ms": in_ms}})
}

fn refreshed(refresh: &Value, expires_in_ms: u64) -> Value {
    json!({"type": "__refreshed", "id": refresh["id"], "payload": {"expires_in_ms": expires_in_ms}})
}

fn token_of(refresh: &Value) -> &str {
    assert_eq!(refresh["type"], "__refresh", "{refresh}");
    refresh["payload"]["token"].as_str().expect("a token")
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_soon_is_replaced_where_there_is_another() {
    let (target, mut hub, asked) = spoke(&["third", "fails", "second", "first"], false).await;
    hub.says(&expiring(30_000));
    let refresh = hub.hears().await;
    assert_eq!(token_of(&refresh), "first");
    hub.says(&refreshed(&refresh, 3_600_000));
    tokio::time::sleep(Duration::from_secs(3570)).await;
    // One that is not taken, also since the hub is an old one, ends nothing here. The next one is asked for, which fails, and
    // then one that there is.
    hub.says(&expiring(30_000));
    let refresh = hub.hears().await;
    assert_eq!(token_of(&refresh), "second");
    hub.says(&json!({"type": "__error", "id": refresh["id"], "payload": {"code": "reserved_type", "message": "?"}}));
    let refresh = hub.hears().await;
    assert_eq!((token_of(&refresh), asked.load(Ordering::SeqCst)), ("third", 4));
    hub.says(&refreshed(&refresh, 3_600_000));
    // And none any more.
    tokio::time::sleep(Duration::from_secs(3570)).await;
    hub.says(&expiring(30_000));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    let stats = target.upstream().stats();
    assert_eq!((stats.bad_frames, stats.refused, stats.connections), (0, 0, 1));
    assert_eq!(target.state().current(), ConnectionState::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_change_is_sent_once_and_asked_for_now_and_then() {
    let (_target, mut hub, asked) = spoke(&["same"], true).await;
    let end = Instant::now() + Duration::from_secs(30);
    hub.says(&expiring(30_000));
    let refresh = hub.hears().await;
    assert_eq!(token_of(&refresh), "same");
    // The hub takes it, and says at once that it ends soon.
    hub.says(&refreshed(&refresh, 30_000));
    hub.says(&expiring(30_000));
    let more = tokio::time::timeout_at(end, hub.hears()).await;
    assert!(more.is_err(), "{more:?}");
    let asked = asked.load(Ordering::SeqCst);
    assert!((5..=15).contains(&asked), "{asked} times in 30 s");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_all_about_to_end_make_no_storm() {
    let names = ["k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a"];
    let (_target, mut hub, _) = spoke(&names, false).await;
    let begin = Instant::now();
    hub.says(&expiring(20_000));
    for _ in 0..10 {
        let refresh = hub.hears().await;
        hub.says(&refreshed(&refresh, 20_000));
        hub.says(&expiring(20_000));
    }
    // The first at once, and each of the others five seconds after the one before.
    assert_eq!(begin.elapsed().as_secs(), 45);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_failed_is_asked_again() {
    let (_target, mut hub, asked) = spoke(&["there", "fails"], false).await;
    let begin = Instant::now();
    hub.says(&expiring(30_000));
    let refresh = hub.hears().await;
    assert_eq!((token_of(&refresh), asked.load(Ordering::SeqCst)), ("there", 2));
    assert_eq!(begin.elapsed().as_millis(), 7500);
}
