use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use alk_pubsub_core::{
    Error, EventTarget, Feed, FeedItem, Gap, GapReason, Interest, Overflow, Published, RawSubscription,
    TargetFuture,
};
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable, Aborted};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::contract::{LinkFraming, Outbox, SessionStats};
use super::rights::Refreshing;
use crate::close_code::CloseCode;
use crate::code::ErrorCode;
use crate::frame::{Control, Frame};
use crate::hub::authorizer::Authorizer;
use crate::hub::connection::ConnectionInfo;
use crate::hub::expiry::Expiry;
use crate::hub::limits::Limits;
use crate::hub::machine::{Effect, Machine, Token};

type Subscribing =
    Abortable<Pin<Box<dyn Future<Output = (Token, Interest, Result<RawSubscription, Error>)> + Send>>>;
type Publishing = Pin<Box<dyn Future<Output = (Option<String>, Result<Published, Error>)> + Send>>;

/// One link of a hub, driven by whoever has the pipe.
///
/// Call [`receive`](Self::receive) for each frame that arrives while [`wants_input`](Self::wants_input), and
/// [`poll`](Self::poll) for what is to be sent. Dropping it unsubscribes everything.
// In this order in memory: with very many sessions none is in the processor's cache, and what brings events is together.
#[repr(C)]
pub struct Session {
    pub(super) closed: bool,
    overflowed: bool,
    // These are boxed since most sessions are idle most of the time, and there may be very many.
    pub(super) refreshing: Option<Box<Refreshing>>,
    subscribing: Option<Box<FuturesUnordered<Subscribing>>>,
    publishing: Option<Box<FuturesUnordered<Publishing>>>,
    pub(super) expiry: Expiry,
    framing: Arc<dyn LinkFraming>,
    stats: Arc<SessionStats>,
    pub(super) feed: Feed,
    pub(super) effects: Vec<Effect>,
    pub(super) limits: Arc<Limits>,
    pub(super) target: Arc<dyn EventTarget>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    /// What is being subscribed, to be given up when it is not wanted any more.
    aborts: HashMap<Interest, (Token, AbortHandle)>,
    pub(super) machine: Machine,
}

impl Session {
    /// A session of this connection with `target`. The `__welcome` is left in `out`.
    pub fn new(
        target: Arc<dyn EventTarget>,
        connection: ConnectionInfo,
        framing: Arc<dyn LinkFraming>,
        limits: Arc<Limits>,
        authorizer: Arc<dyn Authorizer>,
        stats: Arc<SessionStats>,
        out: &mut dyn Outbox,
    ) -> Self {
        let mut effects = Vec::new();
        let expiry = Expiry::of(&connection.identity());
        let mut feed = Feed::new();
        feed.set_filter(authorizer.deliver(&connection));
        let machine = Machine::new(connection, limits.clone(), authorizer.clone(), &mut effects);
        let mut session = Self {
            closed: false,
            overflowed: false,
            refreshing: None,
            subscribing: None,
            publishing: None,
            expiry,
            framing,
            stats,
            feed,
            effects,
            limits,
            target,
            authorizer,
            aborts: HashMap::new(),
            machine,
        };
        session.carry_out(out);
        session
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &ConnectionInfo {
        self.machine.connection()
    }

    /// How many interests the spoke has.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.feed.len()
    }

    /// Whether more frames should be read. Not while too many publishes are on their way, so that a fast publisher is
    /// held back by the pipe.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.closed
            && self.publishing.as_ref().is_none_or(|waiting| waiting.len() < self.limits.max_in_flight)
    }

    /// A frame has arrived.
    pub fn receive(&mut self, frame: &[u8], out: &mut dyn Outbox) {
        self.stats.frames_in.fetch_add(1, Ordering::Relaxed);
        let frame = Frame::decode_from_spoke(self.framing.wire(), frame);
        self.machine.received(frame, Instant::now(), &mut self.effects);
        self.carry_out(out);
    }

    /// A frame has arrived that is too large to be read, or is otherwise refused before it was looked at.
    pub fn refuse(&mut self, refusal: crate::frame::Refusal, out: &mut dyn Outbox) {
        self.stats.frames_in.fetch_add(1, Ordering::Relaxed);
        self.machine.received(Err(refusal), Instant::now(), &mut self.effects);
        self.carry_out(out);
    }

    /// Goes on with what is under way and leaves events in `out`, about `most_bytes` of them.
    ///
    /// `Ready` if something was done, so that there may be more; `Pending` if there is nothing more to do until the task is
    /// woken, whether or not something was left in `out`.
    pub fn poll(&mut self, cx: &mut Context<'_>, most_bytes: usize, out: &mut dyn Outbox) -> Poll<()> {
        if self.closed {
            return Poll::Pending;
        }
        let mut done = self.poll_rights(cx);
        done |= self.poll_subscribing(cx);
        done |= self.poll_publishing(cx);
        if done {
            self.carry_out(out);
        }
        if !self.closed && most_bytes > 0 {
            done |= self.poll_feed(cx, most_bytes, out);
        }
        if done { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Tells the spoke that events for it are missing here, which the session does not know of.
    pub fn tell_gap(&mut self, gap: Gap, out: &mut dyn Outbox) {
        self.stats.gaps.fetch_add(1, Ordering::Relaxed);
        self.stats.missed.fetch_add(gap.missed().unwrap_or(0), Ordering::Relaxed);
        self.machine.gap(gap, &mut self.effects);
        self.carry_out(out);
    }

    /// To be called from time to time while the pipe takes nothing: leaves out what exceeds the queue.
    pub fn keep_within_bounds(&mut self) {
        self.feed.keep_within(self.limits.queue);
    }

    /// Ends the session: a `__close` frame and nothing more. `retry_ms` asks the spoke to come back.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &'static str,
        retry_ms: Option<u64>,
        out: &mut dyn Outbox,
    ) {
        self.machine.close(code, reason, retry_ms, &mut self.effects);
        self.carry_out(out);
    }

    fn poll_subscribing(&mut self, cx: &mut Context<'_>) -> bool {
        let mut done = false;
        while let Some(waiting) = &mut self.subscribing {
            match waiting.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok((token, interest, result)))) => {
                    if self.aborts.get(&interest).is_some_and(|(last, _)| *last == token) {
                        self.aborts.remove(&interest);
                    }
                    self.subscribed(token, &interest, result);
                    done = true;
                }
                Poll::Ready(Some(Err(Aborted))) => {}
                Poll::Ready(None) => self.subscribing = None,
                Poll::Pending => break,
            }
        }
        done
    }

    fn poll_publishing(&mut self, cx: &mut Context<'_>) -> bool {
        let mut done = false;
        while let Some(waiting) = &mut self.publishing {
            match waiting.poll_next_unpin(cx) {
                Poll::Ready(Some((reference, result))) => {
                    self.machine.published(reference, result, &mut self.effects);
                    done = true;
                }
                Poll::Ready(None) => self.publishing = None,
                Poll::Pending => break,
            }
        }
        done
    }

    fn poll_feed(&mut self, cx: &mut Context<'_>, most_bytes: usize, out: &mut dyn Outbox) -> bool {
        let Self { feed, framing, machine, effects, stats, overflowed, limits, .. } = self;
        let framing = &**framing;
        let (mut ended, mut taken_away) = (false, Vec::new());
        let mut events_out = 0;
        let polled = feed.poll_items(cx, framing, most_bytes, &mut |item| match item {
            FeedItem::Frames { bytes, events } => {
                events_out += events;
                out.write(bytes);
            }
            FeedItem::Timed(sample) => out.timed(sample),
            FeedItem::Gap(gap) => {
                stats.gaps.fetch_add(1, Ordering::Relaxed);
                stats.missed.fetch_add(gap.missed().unwrap_or(0), Ordering::Relaxed);
                *overflowed |= gap.reason() == GapReason::Overflow;
                machine.gap(gap, effects);
                // At its place: before the events that follow.
                for effect in effects.drain(..) {
                    if let Effect::Send(control) = effect {
                        send(framing, &control, out);
                    }
                }
            }
            FeedItem::Ended { interest, error: Some(error) } => taken_away.push((interest, error)),
            _ => ended = true,
        });
        if events_out > 0 {
            stats.events_out.fetch_add(events_out, Ordering::Relaxed);
        }
        // What a topic's end leads to is seen at the next look.
        let all = feed.is_waiting() && !ended && taken_away.is_empty();
        if ended {
            if *overflowed && limits.queue.policy() == Overflow::Close {
                self.close(CloseCode::TryAgain, "slow_consumer", Some(1000), out);
            } else {
                self.close(CloseCode::GoingAway, "closed", None, out);
            }
        }
        if !taken_away.is_empty() {
            self.taken_away(taken_away, out);
        }
        polled.is_ready() && !all
    }

    fn subscribed(&mut self, token: Token, interest: &Interest, result: Result<RawSubscription, Error>) {
        let outcome = result.as_ref().map(|_| ());
        if self.machine.subscribed(token, interest, outcome, &mut self.effects)
            && let Ok(subscription) = result
        {
            self.feed.insert(subscription);
        }
    }

    pub(super) fn carry_out(&mut self, out: &mut dyn Outbox) {
        // Carrying out an effect can leave another one behind.
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send(control) => {
                        self.count(&control);
                        send(&*self.framing, &control, out);
                    }
                    Effect::Subscribe(token, interest) => self.subscribe(token, interest),
                    Effect::Unsubscribe(interest) => {
                        self.feed.remove(&interest);
                        if let Some((_, abort)) = self.aborts.remove(&interest) {
                            abort.abort();
                        }
                    }
                    Effect::Publish(reference, event) => {
                        self.stats.published.fetch_add(1, Ordering::Relaxed);
                        self.publish(reference, self.target.dispatch_event(event));
                    }
                    Effect::Refresh(reference, token) => self.refresh(reference, &token),
                    Effect::Close(code, reason) => {
                        self.closed = true;
                        out.close(code, reason);
                    }
                }
            }
        }
    }

    fn subscribe(&mut self, token: Token, interest: Interest) {
        match self.allowed(&interest).try_ready() {
            Ok(result) => self.subscribed(token, &interest, result),
            Err(waiting) => {
                let (abort, registration) = AbortHandle::new_pair();
                self.aborts.insert(interest.clone(), (token, abort));
                let waiting = async move { (token, interest, waiting.await) };
                let waiting: Subscribing = Abortable::new(Box::pin(waiting), registration);
                self.subscribing.get_or_insert_default().push(waiting);
            }
        }
    }

    fn publish(&mut self, reference: Option<String>, dispatch: TargetFuture<Result<Published, Error>>) {
        match dispatch.try_ready() {
            Ok(result) => self.machine.published(reference, result, &mut self.effects),
            Err(waiting) => {
                let waiting: Publishing = Box::pin(async move { (reference, waiting.await) });
                self.publishing.get_or_insert_default().push(waiting);
            }
        }
    }

    fn count(&self, control: &Control) {
        if let Control::Error { code, .. } = control
            && let Some(at) = ErrorCode::ALL.iter().position(|known| known.as_str() == code)
        {
            self.stats.refused[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn send(framing: &dyn LinkFraming, control: &Control, out: &mut dyn Outbox) {
    match control.encode(framing.wire()) {
        Ok(frame) => {
            let mut bytes = Vec::with_capacity(frame.len() + 16);
            framing.wrap(&frame, &mut bytes);
            out.write(bytes.into());
        }
        Err(error) => {
            tracing::error!(%error, frame = control.frame_type(), "a control frame cannot be encoded");
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("machine", &self.machine)
            .field("feed", &self.feed)
            .finish_non_exhaustive()
    }
}
