use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use alk_pubsub_core::{Bounds, EventTarget, PubSub, event_map};
use alk_pubsub_worker::{Worker, WorkerHost, WorkerHostEventTarget, from_parent};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// What an event carries, as text.
const PAYLOAD: &str = "sixty-four bytes of text, as a status or a small message might be";
/// How many events may wait.
const QUEUE: usize = 1024;

event_map! { struct Events { Ping("ping") => String, Pong("pong") => String } }

const ROLE: &str = "ALK_PUBSUB_BENCH_ROLE";
const EVENTS: &str = "ALK_PUBSUB_BENCH_EVENTS";

/// How many events are on their way to a process at most. It says how far it is, since publishing to a process does not wait.
const WINDOW: u64 = 4096;
const SAY_EVERY: u64 = 1024;

pub(super) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

fn this_program(role: &str, events: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env(EVENTS, events.to_string());
    command
}

pub(super) async fn child(role: &str) {
    let events = std::env::var(EVENTS).unwrap().parse().unwrap();
    match role {
        "plain pings" => plain_child(true, false, events).await,
        "plain one way" => plain_child(false, false, events).await,
        "json pings" => plain_child(true, true, events).await,
        "json one way" => plain_child(false, true, events).await,
        "pings" => our_child(true, events).await,
        _ => our_child(false, events).await,
    }
}

async fn plain_child(pings: bool, json: bool, events: u64) {
    let socket = StdUnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut frames = framed(socket);
    let mut count = 0;
    while let Some(Ok(frame)) = frames.next().await {
        count += 1;
        if json {
            let envelope: Envelope = serde_json::from_slice(&frame).unwrap();
            assert_eq!(envelope.payload, PAYLOAD);
        }
        if pings || count == events {
            frames.send(if json { encoded() } else { frame.freeze() }).await.unwrap();
        }
    }
}

async fn our_child(pings: bool, all: u64) {
    let target = from_parent().unwrap();
    let pubsub = PubSub::<Events>::new(target.clone());
    let mut events = pubsub.subscribe_to(Ping, "").bounds(Bounds::default().events(4 * QUEUE)).await.unwrap();
    let pongs = pubsub.publisher(Pong, "").unwrap();
    target.ready();
    let mut count = 0;
    while let Some(event) = events.recv().await {
        count += 1;
        if pings {
            pongs.try_publish(event.payload().clone()).unwrap();
        } else if count % SAY_EVERY == 0 || count == all {
            pongs.try_publish(count.to_string()).unwrap();
        }
    }
    target.close().await.unwrap();
}

fn framed(socket: StdUnixStream) -> Framed<UnixStream, LengthDelimitedCodec> {
    socket.set_nonblocking(true).unwrap();
    Framed::new(UnixStream::from_std(socket).unwrap(), LengthDelimitedCodec::new())
}

/// A process at the other end of a socket pair, and one frame through it and back.
fn plain(role: &str, events: u64) -> (tokio::process::Child, Framed<UnixStream, LengthDelimitedCodec>) {
    let (here, there) = StdUnixStream::pair().unwrap();
    let mut command = tokio::process::Command::from(this_program(role, events));
    let child = command.stdin(Stdio::from(OwnedFd::from(there))).kill_on_drop(true).spawn().unwrap();
    (child, framed(here))
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    event_type: String,
    id: String,
    payload: String,
}

/// As our frames are.
fn encoded() -> Bytes {
    let envelope = Envelope { event_type: "ping".to_owned(), id: String::new(), payload: PAYLOAD.to_owned() };
    serde_json::to_vec(&envelope).unwrap().into()
}

/// With frames that nobody looks at, or that are encoded and decoded each time.
pub(super) async fn plain_pings(pings: u64, json: bool) -> Duration {
    let (mut child, mut frames) = plain(if json { "json pings" } else { "plain pings" }, pings);
    let frame = encoded();
    frames.send(frame.clone()).await.unwrap();
    frames.next().await.unwrap().unwrap();
    let start = Instant::now();
    for _ in 0..pings {
        frames.send(if json { encoded() } else { frame.clone() }).await.unwrap();
        let answer = frames.next().await.unwrap().unwrap();
        if json {
            assert_eq!(serde_json::from_slice::<Envelope>(&answer).unwrap().payload, PAYLOAD);
        } else {
            assert_eq!(answer, frame);
        }
    }
    let took = start.elapsed();
    drop(frames);
    child.wait().await.unwrap();
    took
}

/// See [`plain_pings`].
pub(super) async fn plain_one_way(events: u64, json: bool) -> Duration {
    let (mut child, mut frames) = plain(if json { "json one way" } else { "plain one way" }, events);
    let frame = encoded();
    // The process has started when it has read so much that the rest is written.
    frames.send(frame.clone()).await.unwrap();
    let start = Instant::now();
    for _ in 1..events {
        frames.feed(if json { encoded() } else { frame.clone() }).await.unwrap();
    }
    SinkExt::<Bytes>::flush(&mut frames).await.unwrap();
    frames.next().await.unwrap().unwrap();
    let took = start.elapsed();
    drop(frames);
    child.wait().await.unwrap();
    took
}

async fn start(role: &str, events: u64) -> (WorkerHostEventTarget, Worker) {
    let host = WorkerHost::new().queue(Bounds::default().events(4 * QUEUE));
    let (host, worker) = host.process(this_program(role, events)).unwrap();
    worker.ready().await.unwrap();
    (host, worker)
}

pub(super) async fn pings(count: u64) -> Duration {
    let (host, worker) = start("pings", count).await;
    let host = PubSub::<Events>::new(host);
    let mut pongs = host.subscribe_to(Pong, "").await.unwrap();
    let pings = host.publisher(Ping, "").unwrap();
    let start = Instant::now();
    for _ in 0..count {
        pings.publish(PAYLOAD.to_owned()).await.unwrap();
        assert_eq!(pongs.recv().await.unwrap().payload(), PAYLOAD);
    }
    let took = start.elapsed();
    assert!(worker.close().await.is_success());
    took
}

pub(super) async fn one_way(events: u64) -> Duration {
    let (host, worker) = start("one way", events).await;
    let host = PubSub::<Events>::new(host);
    let mut pongs = host.subscribe_to(Pong, "").await.unwrap();
    let pings = host.publisher(Ping, "").unwrap();
    let start = Instant::now();
    let mut heard = 0;
    for event in 0..events {
        while event - heard >= WINDOW {
            heard = pongs.recv().await.unwrap().payload().parse().unwrap();
        }
        pings.publish(PAYLOAD.to_owned()).await.unwrap();
    }
    while heard < events {
        heard = pongs.recv().await.unwrap().payload().parse().unwrap();
    }
    let took = start.elapsed();
    assert!(worker.close().await.is_success());
    took
}
