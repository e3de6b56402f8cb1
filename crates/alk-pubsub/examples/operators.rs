//! A chat backend's job: many sessions stream their answers token by token, the source sends some tokens twice, and what
//! goes on screen is one line for each session and 50 ms.
//!
//!     cargo run -p alk-pubsub --example operators
//!
//! The first thousand tokens are shown. With the thousandth the pipeline lets go of its subscription.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use alk_pubsub::operators::{GroupLimits, StreamPipe, batch, dedupe_by, group_by, take};
use alk_pubsub::{EventEnvelope, Overflow, PubSub, event_map};
use futures_util::StreamExt; // in scope too: `.pipe` clashes with nothing of it
use serde::{Deserialize, Serialize};

const SESSIONS: usize = 20;
const SHOWN: usize = 1000;

/// A piece of an answer. The event's id is the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Token {
    number: u64,
    text: String,
}

event_map! {
    struct Events {
        MessageUpdated("message.updated") => Token,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(&mut std::io::stdout().lock()).await
}

/// Runs the sessions and the pipeline, and writes the lines.
pub(crate) async fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let pubsub = PubSub::<Events>::in_process();
    // The producers are faster than a screen, so they wait.
    let updates = pubsub.subscribe(MessageUpdated).overflow(Overflow::Block).await?;
    let sessions: Vec<_> =
        (0..SESSIONS).map(|session| tokio::spawn(answer(pubsub.clone(), session))).collect();

    let by_session = updates
        .pipe(dedupe_by(4096, |event: &EventEnvelope<Token>| (event.id().to_owned(), event.payload().number)))
        .pipe(take(SHOWN))
        .pipe(group_by(|event: &EventEnvelope<Token>| event.id().to_owned(), GroupLimits::default()));

    // A session's lines come from its group; all groups are read at once.
    let mut lines = by_session.flat_map_unordered(None, |(session, tokens)| {
        tokens.pipe(batch(100, Duration::from_millis(50))).map(move |tokens| (session.clone(), tokens))
    });
    while let Some((session, tokens)) = lines.next().await {
        let text: String = tokens.iter().map(|token| token.payload().text.as_str()).collect();
        writeln!(out, "{session}: {text}")?;
    }

    // Nobody listens any more: that is success for a publisher.
    for session in sessions {
        session.await??;
    }
    Ok(())
}

/// One session's answer: sixty words, every seventh sent twice.
async fn answer(pubsub: PubSub<Events>, session: usize) -> Result<(), alk_pubsub::Error> {
    let id = format!("session-{session}");
    for number in 0..60 {
        let token = Token { number, text: format!("w{number} ") };
        if number % 7 == 0 {
            pubsub.publish(MessageUpdated, &id, token.clone()).await?;
        }
        pubsub.publish(MessageUpdated, &id, token).await?;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    Ok(())
}
