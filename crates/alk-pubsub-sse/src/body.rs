//! The body of a stream: what the feed brings, as it comes.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alk_pubsub_core::{ConnectionState, Feed, FeedItem};
use bytes::Bytes;
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use rand::Rng;
use tokio::time::{Instant, Sleep, sleep};

use crate::framing::{self, SseFraming};
use crate::listed::Listed;
use crate::pieces::Pieces;
use crate::relay::Shared;
use crate::rights::{self, Rights};
use crate::sweep::Sweep;

/// About how much is taken from the feed at once.
const AT_ONCE: usize = 64 << 10;

pin_project! {
    /// An event stream. It is a set of places in the logs of its topics and holds no events: while the client does not
    /// read, the server does not ask for more, and the logs' bounds decide what is left out. Dropping it unsubscribes.
    pub(crate) struct SseBody {
        stream: Stream,
        rights: Rights,
        pieces: Pieces,
        stage: Stage,
        // The last poll looked and left nothing behind, and whoever polled is woken when there is more.
        idle: bool,
        #[pin]
        keep_alive: Sleep,
    }
}

/// A stream in the list of streams, and where it is counted.
struct Stream {
    listed: Listed,
    relay: Arc<Shared>,
}

/// What a look at the feed has brought.
#[derive(PartialEq, Eq)]
enum Found {
    /// Nothing; the task is woken when there is something.
    Nothing,
    /// All there is; the task is woken when there is more.
    All,
    /// Something, and there may be more.
    More,
}

enum Stage {
    Open,
    /// The events that wait now are the last ones: so many.
    Ending(u64),
    Ended,
}

impl SseBody {
    /// To be made in a runtime.
    pub(crate) fn new(feed: Feed, listed: Listed, relay: Arc<Shared>) -> Self {
        listed.handle.serve(feed);
        Sweep::start(&relay);
        let rights = Rights::new(listed.handle.clone());
        relay.counters.opened.add(1);
        let keep_alive = sleep(relay.config.keep_alive);
        let mut pieces = Pieces::default();
        pieces.push(framing::SUBSCRIBED);
        Self { stream: Stream { listed, relay }, rights, pieces, stage: Stage::Open, idle: false, keep_alive }
    }
}

impl Stream {
    /// Takes what there is. At the end of a subscription, says how much of the others is left.
    fn poll(&self, cx: &mut Context<'_>, pieces: &mut Pieces, ending: &mut Option<u64>) -> Found {
        let counters = &self.relay.counters;
        let Some(mut served) = self.listed.handle.served() else { return Found::Nothing };
        let feed = &mut served.feed;
        let (mut events, mut passed, mut ended) = (0, 0, false);
        let mut taken_away = Vec::new();
        let polled = feed.poll_items(cx, &SseFraming, AT_ONCE, &mut |item| match item {
            FeedItem::Frames { bytes, events: framed } => {
                events += framed;
                passed += framed;
                pieces.push(bytes);
            }
            // Handed on, and written right after this; a server like hyper tells nobody when. Asking for more would be no sign
            // of it: hyper does that before it writes.
            FeedItem::Timed(sample) => sample.written(),
            FeedItem::Gap(gap) => {
                counters.gaps.add(1);
                counters.missed.add(gap.missed().unwrap_or(0));
                passed += gap.missed().unwrap_or(0);
                pieces.push(framing::gap(&gap));
            }
            FeedItem::Ended { interest, error: Some(error) } => taken_away.push((interest, error)),
            FeedItem::Ended { .. } => ended = true,
            // Nothing else is known to this version.
            _ => {}
        });
        counters.events.add(events);
        // What a topic's end leads to is seen at the next look.
        let all = feed.is_waiting() && !ended && taken_away.is_empty();
        if !taken_away.is_empty() {
            // All of them, and what comes after would be too.
            ended |= self.relay.target.state().current() == ConnectionState::Closed;
        }
        if !ended && !taken_away.is_empty() {
            // Without them it may be over.
            self.listed.handle.task.wake();
            for (interest, error) in taken_away {
                rights::taken_away(feed, pieces, &interest, &error);
            }
        }
        match ending {
            Some(left) => *left = left.saturating_sub(passed),
            None if ended => *ending = Some(feed.lag().0),
            None => {}
        }
        match polled {
            Poll::Pending => Found::Nothing,
            Poll::Ready(()) if all => Found::All,
            Poll::Ready(()) => Found::More,
        }
    }

    /// How many events wait for the client.
    fn lag(&self) -> u64 {
        self.listed.handle.served().map_or(0, |mut served| served.feed.lag().0)
    }
}

impl SseBody {
    /// Events wake the task of `cx`, everything else wakes `rest`; without that only events are looked at.
    pub(crate) fn poll_piece(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        rest: Option<&Waker>,
    ) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        let mut looked = false;
        loop {
            if let Some(piece) = this.pieces.next() {
                // What an earlier look left over says nothing of now.
                *this.idle &= looked;
                return Poll::Ready(Some(piece));
            }
            (*this.idle, looked) = (false, true);
            if matches!(this.stage, Stage::Ended) {
                return Poll::Ready(None);
            }
            if let Some(rest) = rest
                && let Some(reason) = this.rights.poll(rest, &this.stream.relay, this.pieces)
            {
                this.pieces.push(framing::close(reason));
                *this.stage = Stage::Ended;
                continue;
            }
            let mut ending = match this.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::Ending(left) => Some(*left),
                Stage::Open if rest.is_none() => None,
                Stage::Open => this.stream.relay.is_closing().then(|| this.stream.lag()),
            };
            let found = this.stream.poll(cx, this.pieces, &mut ending);
            if let Some(left) = ending {
                *this.stage = Stage::Ending(left);
                if left == 0 || found == Found::Nothing {
                    let after = rand::rng().random_range(this.stream.relay.config.retry.clone());
                    this.pieces.push(framing::retry(after));
                    *this.stage = Stage::Ended;
                }
            } else if found != Found::More {
                *this.idle = true;
                // Looked at whatever else there is, so that it wakes whoever does not look again.
                let mut is_due = false;
                if let Some(rest) = rest {
                    let mut rest = Context::from_waker(rest);
                    while this.keep_alive.as_mut().poll(&mut rest).is_ready() {
                        let next = Instant::now() + this.stream.relay.config.keep_alive;
                        this.keep_alive.as_mut().reset(next);
                        is_due = true;
                    }
                }
                match (this.pieces.is_empty(), is_due) {
                    (true, true) => this.pieces.push(framing::KEEP_ALIVE),
                    (true, false) => return Poll::Pending,
                    (false, _) => {}
                }
            }
        }
    }

    /// Whether nothing is left behind what was handed out, and whoever looked last is woken when there is more.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle && self.pieces.is_empty()
    }
}

impl Body for SseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let task = cx.waker().clone();
        self.poll_piece(cx, Some(&task)).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Ended) && self.pieces.is_empty()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Somebody else may hold the handle for a moment more, and this is the moment to unsubscribe.
        let feed = self.listed.handle.served().map(|mut served| std::mem::take(&mut served.feed));
        drop(feed);
        self.relay.counters.closed.add(1);
    }
}

impl fmt::Debug for SseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    use alk_pubsub_core::{
        Encoding, Error, ErrorKind, Event, EventTarget, Feed, InProcessEventTarget, Interest, Published,
        RoutedEventTarget, Router, Scope, TargetFuture, Topic, Upstream,
    };
    use alk_pubsub_link::{Attention, ConnectionInfo};

    use super::SseBody;
    use crate::config::Config;
    use crate::relay::Shared;

    /// Who has written a piece in the same turn of its task need not look again, but who was held up in between has to.
    #[tokio::test]
    async fn it_is_idle_only_if_it_has_just_looked() {
        let target = InProcessEventTarget::in_process();
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), Config::default()));
        let mut feed = Feed::new();
        let topics: [Topic; 2] = ["a:1".parse().unwrap(), "b:1".parse().unwrap()];
        for topic in &topics {
            feed.insert(target.subscribe_raw(topic.clone().into(), relay.config.bounds).await.unwrap());
        }
        let publish = async |topic: &Topic, size: usize| {
            let envelope = Encoding::JSON.encode(topic, &"x".repeat(size)).unwrap();
            target.dispatch_event(Event::from_encoded(Encoding::JSON, envelope).unwrap()).await.unwrap();
        };
        let listed = relay.streams.list(ConnectionInfo::new("1", None), None);
        let mut body = pin!(SseBody::new(feed, listed, relay.clone()));
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || {
            let polled =
                body.as_mut().poll_piece(&mut cx, Some(Waker::noop())).map(|piece| piece.unwrap().len());
            (polled, body.is_idle())
        };
        assert_eq!(next(), (Poll::Ready(14), false), "nobody has looked yet");
        // Both are found at once, and too large to be one piece.
        for topic in &topics {
            publish(topic, 20 << 10).await;
        }
        let (Poll::Ready(_), false) = next() else { panic!("there is one more") };
        publish(&topics[0], 1).await;
        let (Poll::Ready(_), false) = next() else { panic!("it was found before there was another") };
        let (Poll::Ready(_), true) = next() else { panic!("all there is") };
        assert_eq!(next(), (Poll::Pending, true));
    }

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    /// An upstream that takes away what it likes.
    #[derive(Clone)]
    struct Fickle(Router);

    impl Upstream for Fickle {
        fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
            TargetFuture::ready(self.try_publish(event))
        }

        fn try_publish(&self, event: Event) -> Result<Published, Error> {
            Ok(Published::exact(self.0.deliver(event, Scope::ALL)))
        }

        fn interest_added(&self, _: &Interest) {}

        fn interest_removed(&self, _: &Interest) {}

        fn confirmed(&self, _: &Interest) -> TargetFuture<Result<(), Error>> {
            TargetFuture::ready(Ok(()))
        }
    }

    /// A task that looks at events alone when nothing else has woken it misses nothing.
    #[tokio::test(start_paused = true)]
    async fn what_is_no_event_is_looked_at_when_it_has_woken_the_task() {
        let target = RoutedEventTarget::new(Fickle);
        let relay = Arc::new(Shared::new(Arc::new(target.clone()), Config::default()));
        let mut feed = Feed::new();
        let topics: [Topic; 2] = ["a:1".parse().unwrap(), "b:1".parse().unwrap()];
        for topic in &topics {
            feed.insert(target.subscribe_raw(topic.clone().into(), relay.config.bounds).await.unwrap());
        }
        let listed = relay.streams.list(ConnectionInfo::new("1", None), None);
        let mut body = pin!(SseBody::new(feed, listed, relay.clone()));
        // One that is known again when it is cloned.
        let task = Waker::from(Arc::new(Task));
        let (mut attention, mut cx) = (Attention::new(), Context::from_waker(&task));
        // All that comes, and whether more was looked at than events.
        let mut look = || {
            let (attends, mut text) = (attention.take(&cx), String::new());
            let rest = attends.then_some(attention.waker());
            while let Poll::Ready(Some(piece)) = body.as_mut().poll_piece(&mut cx, rest) {
                text += std::str::from_utf8(&piece).unwrap();
            }
            (text, attends)
        };
        assert_eq!(look(), (": subscribed\n\n".to_owned(), true));
        let envelope = Encoding::JSON.encode(&topics[0], &1).unwrap();
        target.dispatch_event(Event::from_encoded(Encoding::JSON, envelope).unwrap()).await.unwrap();
        let (text, attends) = look();
        assert!(text.contains("event: a") && !attends, "{text}");
        tokio::time::sleep(relay.config.keep_alive).await;
        assert_eq!(look(), (": keep-alive\n\n".to_owned(), true));
        assert_eq!(look(), (String::new(), false));
        // The topics end where events come from; that with the last of them the stream ends is looked at then.
        let error = Error::new(ErrorKind::Denied, "gone");
        for (topic, is_last) in topics.into_iter().zip([false, true]) {
            assert!(target.upstream().0.end_interest(&topic.into(), &error, || true));
            let (text, _) = look();
            assert!(text.contains("event: __error"), "{text}");
            let (text, attends) = look();
            assert_eq!((text.contains("no_topics"), attends), (is_last, true), "{text}");
        }
    }
}
