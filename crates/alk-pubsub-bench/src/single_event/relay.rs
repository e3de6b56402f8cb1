use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Waker};

use alk_pubsub_core::{
    Bounds, Encoding, Error, Event, EventTarget, EventType, Feed, FeedItem, Framing, Interest, Published,
    RoutedEventTarget, Router, Scope, TargetFuture, Topic, Upstream,
};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::FutureExt;

use super::envelope::envelope;
use super::woken::Woken;

const CHANNEL: &str = "alk:events:message.updated:project-1";
const PREFIX: &str = "alk:events:";

/// A message is made an event as the Redis upstream makes it, routed, read by a connection's feed, and framed for a
/// WebSocket. The connection waits before each event, and is woken by it.
///
/// The first step and the frame's few bytes are written down here once more: both are private to crates that need a server
/// or a socket around them. All in between is what a hub runs.
pub(super) fn relay(events: u64) -> Result<()> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let target = RoutedEventTarget::new(Remote);
    let interest: Interest = "message.updated:project-1".parse()?;
    let subscribed = target.subscribe_raw(interest, Bounds::default()).now_or_never();
    let mut feed = Feed::new();
    feed.insert(subscribed.context("the upstream confirms at once")??);
    let message = envelope();
    let (mut sent, mut bytes_sent) = (0, 0);
    let mut send = |item| {
        if let FeedItem::Frames { bytes, events, .. } = item {
            sent += events;
            bytes_sent += black_box(bytes).len();
        }
    };
    for _ in 0..events {
        ensure!(feed.poll_items(&mut cx, &Frames, usize::MAX, &mut send).is_pending(), "nothing was there");
        let event = event(CHANNEL, black_box(&message)).context("no event")?;
        target.upstream().0.deliver(event, Scope { topic: true, event_type: false, everything: false });
        ensure!(woken.take(), "the connection was not woken");
        ensure!(feed.poll_items(&mut cx, &Frames, usize::MAX, &mut send).is_ready(), "an event was lost");
    }
    ensure!(sent == events, "an event was lost");
    ensure!(bytes_sent as u64 == events * (message.len() as u64 + HEADER), "bytes were lost");
    Ok(())
}

/// What a frame of 126 bytes up to 64 KiB has before its payload.
const HEADER: u64 = 4;

fn event(channel: &str, payload: &[u8]) -> Option<Event> {
    let envelope = Bytes::copy_from_slice(payload);
    let named = channel.strip_prefix(PREFIX)?.split_once(':')?;
    let split = Encoding::JSON.split(&envelope).ok()?;
    if (&*split.event_type, &*split.id) != named {
        return None;
    }
    let topic = Topic::new(EventType::new(named.0).ok()?, named.1).ok()?;
    let parts = split.parts();
    Some(Event::from_parts(Encoding::JSON, envelope, topic, parts))
}

/// An upstream as Redis is one: events come from elsewhere.
struct Remote(Router);

impl Upstream for Remote {
    fn publish(&self, _: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(Ok(Published::exact(0)))
    }

    fn try_publish(&self, _: Event) -> Result<Published, Error> {
        Ok(Published::exact(0))
    }

    fn delivers_copies(&self) -> bool {
        true
    }
}

/// Unmasked text frames of a WebSocket.
struct Frames;

impl Framing for Frames {
    fn name(&self) -> &'static str {
        "single-event"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x81, 126]);
        out.extend_from_slice(&(envelope.len() as u16).to_be_bytes());
        out.extend_from_slice(envelope);
    }
}
