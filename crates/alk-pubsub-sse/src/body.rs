//! The body of a stream: what the feed brings, as it comes.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use alk_pubsub_core::{ConnectionState, Feed, FeedItem};
use bytes::Bytes;
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use rand::Rng;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

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
        #[pin]
        keep_alive: Sleep,
        #[pin]
        closing: WaitForCancellationFutureOwned,
    }
}

/// A stream in the list of streams, and where it is counted.
struct Stream {
    listed: Listed,
    relay: Arc<Shared>,
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
        let closing = relay.closing.clone().cancelled_owned();
        let mut pieces = Pieces::default();
        pieces.push(framing::SUBSCRIBED);
        Self { stream: Stream { listed, relay }, rights, pieces, stage: Stage::Open, keep_alive, closing }
    }
}

impl Stream {
    /// Takes what there is. At the end of a subscription, says how much of the others is left.
    fn poll(&self, cx: &mut Context<'_>, pieces: &mut Pieces, ending: &mut Option<u64>) -> Poll<()> {
        let counters = &self.relay.counters;
        let Some(mut served) = self.listed.handle.served() else { return Poll::Pending };
        let feed = &mut served.feed;
        let (mut events, mut passed, mut ended) = (0, 0, false);
        let mut taken_away = Vec::new();
        let polled = feed.poll_items(cx, &SseFraming, AT_ONCE, &mut |item| match item {
            FeedItem::Frames { bytes, events: framed } => {
                events += framed;
                passed += framed;
                pieces.push(bytes);
            }
            // Handed on, and written by hyper right after this, which tells nobody when. Asking for more would be no sign of
            // it: hyper does that before it writes.
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
        if !taken_away.is_empty() {
            // All of them, and what comes after would be too.
            ended |= self.relay.target.state().current() == ConnectionState::Closed;
        }
        if !ended {
            for (interest, error) in taken_away {
                rights::taken_away(feed, pieces, &interest, &error);
            }
        }
        match ending {
            Some(left) => *left = left.saturating_sub(passed),
            None if ended => *ending = Some(feed.lag().0),
            None => {}
        }
        polled
    }

    /// How many events wait for the client.
    fn lag(&self) -> u64 {
        self.listed.handle.served().map_or(0, |mut served| served.feed.lag().0)
    }
}

impl Body for SseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut this = self.project();
        loop {
            if let Some(piece) = this.pieces.next() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if matches!(this.stage, Stage::Ended) {
                return Poll::Ready(None);
            }
            if let Some(reason) = this.rights.poll(cx, &this.stream.relay, this.pieces) {
                this.pieces.push(framing::close(reason));
                *this.stage = Stage::Ended;
                continue;
            }
            let mut ending = match this.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::Ending(left) => Some(*left),
                Stage::Open => {
                    let closing = this.closing.as_mut().poll(cx).is_ready();
                    closing.then(|| this.stream.lag())
                }
            };
            let polled = this.stream.poll(cx, this.pieces, &mut ending);
            if let Some(left) = ending {
                *this.stage = Stage::Ending(left);
                if left == 0 || polled.is_pending() {
                    let after = rand::rng().random_range(this.stream.relay.config.retry.clone());
                    this.pieces.push(framing::retry(after));
                    *this.stage = Stage::Ended;
                }
            } else if polled.is_pending() && this.pieces.is_empty() {
                ready!(this.keep_alive.as_mut().poll(cx));
                let next = Instant::now() + this.stream.relay.config.keep_alive;
                this.keep_alive.as_mut().reset(next);
                this.pieces.push(framing::KEEP_ALIVE);
            }
        }
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
