use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alk_pubsub_core::{Framing, Gap, GapReason, Interest};
use alk_pubsub_link::{Attention, CloseCode, ErrorCode, Limits, LinkFraming, Outbox, Refusal, Session};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};

use super::handle::{Disconnected, Order, Shared};
use super::heartbeat::{Beat, Heartbeat};
use super::input::{Ended, Input, Read1};
use super::outgoing::Outgoing;
use crate::framing::{self, WsFraming};

/// How much of events is taken out of the logs before it is written.
const BATCH: usize = 256 << 10;
/// While more than this waits to be written, nothing is read: answers would pile up.
const BACKLOG: usize = 512 << 10;
/// How often a task goes round before it lets others run.
const ROUNDS: usize = 8;
/// How long the peer has to take the close frame and to answer it.
const LINGER: Duration = Duration::from_secs(2);

pin_project! {
    /// The one task of a connection. Resolves when it has ended.
    // In this order in memory: with very many connections none is in the processor's cache, and what an event passes on its way
    // is together.
    #[repr(C)]
    pub(crate) struct Connection<S> {
        received: bool,
        // Whether the socket took no more when it was last written to.
        blocked: bool,
        phase: Phase,
        attention: Attention,
        #[pin]
        io: S,
        outgoing: Outgoing,
        session: Session,
        shared: Arc<Shared>,
        input: Input,
        framing: Arc<WsFraming>,
        heartbeat: Heartbeat,
        max_frame_bytes: usize,
        // Pings and pongs since the last ping of ours, and how many there may be.
        beats: u64,
        most_beats: u64,
    }
}

enum Phase {
    Open,
    /// The close frame is on its way or out; what arrives is not looked at.
    Closing(Box<Closing>),
}

struct Closing {
    why: Disconnected,
    deadline: Pin<Box<Sleep>>,
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite> Connection<S> {
    pub(crate) fn new(
        io: S,
        shared: Arc<Shared>,
        framing: Arc<WsFraming>,
        limits: &Limits,
        session: impl FnOnce(Arc<dyn LinkFraming>, &mut dyn Outbox) -> Session,
    ) -> Self {
        let mut outgoing = Outgoing::default();
        let session = session(framing.clone(), &mut outgoing);
        Self {
            io,
            shared,
            session,
            attention: Attention::new(),
            input: Input::new(limits.max_frame_bytes),
            outgoing,
            framing,
            heartbeat: Heartbeat::new(limits),
            max_frame_bytes: limits.max_frame_bytes,
            received: true,
            beats: 0,
            most_beats: u64::from(limits.control_burst)
                + u64::from(limits.control_rate) * limits.heartbeat.as_secs().max(1),
            blocked: false,
            phase: Phase::Open,
        }
    }

    /// Goes round once; whether something was done. `Err` at the end.
    fn round(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<bool, Disconnected> {
        let mut done = false;
        let mut held_back = false;
        let attends = self.as_mut().project().attention.take(cx);
        if attends {
            self.as_mut().follow_orders(cx)?;
            held_back = !may_read(&self.session, &self.outgoing);
            if held_back {
                let this = self.as_mut().project();
                // Nobody looks, so nobody can say that nothing has arrived.
                *this.received = true;
                this.attention.want();
            } else {
                done = self.as_mut().read()?;
            }
            if !matches!(self.phase, Phase::Open) {
                return Ok(true);
            }
        }
        let this = self.as_mut().project();

        // Until there is nothing more, so that the task is registered for what comes; or until it is enough for now.
        let mut full = false;
        loop {
            let room = BATCH.saturating_sub(this.outgoing.bytes());
            full |= room == 0;
            if this.session.poll(cx, room, this.outgoing).is_pending() || full {
                break;
            }
        }
        if this.outgoing.finish() {
            begin_close(this.phase, Disconnected::ByHub);
            return Ok(true);
        }

        let mut stalled = false;
        // Not with the task's own waker, for streams that know only one for reading and writing.
        let mut attentive = Context::from_waker(this.attention.waker());
        match this.outgoing.poll_write(this.io, &mut attentive) {
            // A write that took a part is followed by one that says when the socket takes more.
            Poll::Ready(Ok(wrote)) => {
                // A socket that was full takes more only because the peer reads. Its answer to a ping may take long: the
                // ping stands behind all that the peer has not read yet.
                *this.received |= wrote && std::mem::take(this.blocked);
                done |= full || this.outgoing.waits();
            }
            Poll::Ready(Err(_)) => return Err(Disconnected::BySpoke),
            Poll::Pending => {
                *this.blocked = true;
                *this.received |= !may_read(this.session, this.outgoing);
                this.heartbeat.stalled();
                stalled = true;
            }
        }
        if !attends && !stalled {
            return Ok(done);
        }
        // What kept it from reading may be gone, and nobody is woken for what has arrived meanwhile.
        done |= held_back && may_read(this.session, this.outgoing);

        match this.heartbeat.poll(&mut attentive, this.received) {
            Poll::Pending => return Ok(done),
            Poll::Ready(Beat::Ping) => {
                *this.beats = 0;
                this.outgoing.push(framing::ping());
            }
            Poll::Ready(Beat::Dead) => return Err(Disconnected::Silent),
            Poll::Ready(Beat::Stalled) => this.session.keep_within_bounds(),
        }
        this.attention.want();
        Ok(true)
    }

    /// Does what others have told it to do.
    fn follow_orders(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<(), Disconnected> {
        let this = self.project();
        let room = this.outgoing.bytes() < BATCH;
        let told = this.shared.take_orders(this.attention.waker(), room);
        if !room {
            this.attention.want();
        }
        if told.ask_again {
            this.session.ask_again(this.outgoing);
        }
        for which in told.unsubscribe {
            let info = &this.shared.info;
            let which = |interest: &Interest| which(info, interest);
            let message = "the hub has unsubscribed it";
            this.session.end_interests(&which, ErrorCode::Forbidden, message, this.outgoing);
        }
        match told.close {
            Some(Order::Cut) => return Err(Disconnected::ByHub),
            Some(Order::Close(code, reason, retry_ms)) => {
                // What was published before goes first, as far as it would be written soon.
                while this.outgoing.bytes() < BACKLOG
                    && this.session.poll(cx, BATCH, this.outgoing).is_ready()
                {}
                this.session.close(code, reason, retry_ms, this.outgoing);
            }
            _ => {}
        }
        if let Some(gap) = told.gap {
            this.session.tell_gap(gap, this.outgoing);
        }
        for event in told.events {
            if let Ok(envelope) = event.encode(this.framing.encoding()) {
                let mut frame = Vec::with_capacity(envelope.len() + 16);
                this.framing.frame(&event, &envelope, &mut frame);
                this.outgoing.push(frame);
            } else {
                this.session.tell_gap(Gap::new(GapReason::Undecodable, Some(1)), this.outgoing);
            }
        }
        Ok(())
    }

    /// Reads once. Whether there was something; it may have begun to close.
    fn read(self: Pin<&mut Self>) -> Result<bool, Disconnected> {
        let this = self.project();
        let (session, outgoing) = (this.session, this.outgoing);
        let (most, text_only) = (*this.max_frame_bytes, this.framing.0.is_text());
        let mut replies = Vec::new();
        let mut closed = false;
        let beats = this.beats;
        let mut cx = Context::from_waker(this.attention.waker());
        let read = this.input.poll_read(this.io, &mut cx, &mut replies, &mut |read| match read {
            Read1::Heartbeat => *beats += 1,
            Read1::Close => closed = true,
            Read1::Message { data, .. } if data.len() > most => {
                session
                    .refuse(refusal(ErrorCode::TooLarge, format!("a frame may have {most} bytes")), outgoing);
            }
            Read1::Message { text: true, .. } if !text_only => {
                session
                    .refuse(refusal(ErrorCode::BadFrame, "this link's frames are binary".into()), outgoing);
            }
            Read1::Message { data, .. } => session.receive(&data, outgoing),
        });
        outgoing.push(replies);
        let done = read.is_ready();
        if done {
            this.attention.want();
        }
        match read {
            Poll::Pending => {}
            Poll::Ready(Ok(alive)) => {
                *this.received |= alive;
                if *beats > *this.most_beats {
                    session.close(CloseCode::Policy, "rate_limited", None, outgoing);
                }
            }
            Poll::Ready(Err(Ended::Gone)) if !closed => return Err(Disconnected::BySpoke),
            Poll::Ready(Err(Ended::Gone)) => {}
            Poll::Ready(Err(Ended::TooLarge)) => {
                session.close(CloseCode::TooBig, "frame too large", None, outgoing);
                outgoing.finish();
                begin_close(this.phase, Disconnected::Protocol);
            }
            Poll::Ready(Err(Ended::Protocol(code, reason))) => {
                outgoing.push(framing::close(code, &reason));
                begin_close(this.phase, Disconnected::Protocol);
            }
        }
        if closed {
            begin_close(this.phase, Disconnected::BySpoke);
        }
        Ok(done)
    }

    /// Writes what is left, closes the sending half, and reads until the peer has closed its own: a socket that is
    /// dropped with unread bytes resets the connection, and the peer would not see why.
    fn poll_closing(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Disconnected> {
        let mut this = self.project();
        let Phase::Closing(closing) = this.phase else { return Poll::Pending };
        let Closing { why, deadline, shut } = &mut **closing;
        let why = *why;
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(why);
        }
        if !*shut {
            match this.outgoing.poll_write(this.io.as_mut(), cx) {
                Poll::Ready(Ok(_)) if this.outgoing.bytes() == 0 => {
                    match this.io.as_mut().poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => *shut = true,
                        Poll::Ready(Err(_)) => return Poll::Ready(why),
                        Poll::Pending => {}
                    }
                }
                Poll::Ready(Ok(_)) => cx.waker().wake_by_ref(),
                Poll::Ready(Err(_)) => return Poll::Ready(why),
                Poll::Pending => {}
            }
        }
        let mut thrown_away = [0; 4096];
        for _ in 0..ROUNDS {
            let mut buffer = tokio::io::ReadBuf::new(&mut thrown_away);
            match this.io.as_mut().poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                // The sending half is closed by dropping it.
                Poll::Ready(Ok(())) if buffer.filled().is_empty() && *shut => return Poll::Ready(why),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(why),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Whether there is room for what would be read, and for the answers.
fn may_read(session: &Session, outgoing: &Outgoing) -> bool {
    session.wants_input() && outgoing.bytes() < BACKLOG
}

fn refusal(code: ErrorCode, message: String) -> Refusal {
    Refusal { reference: String::new(), code, message, topic: None }
}

fn begin_close(phase: &mut Phase, why: Disconnected) {
    if matches!(phase, Phase::Open) {
        let closing = Closing { why, deadline: Box::pin(sleep(LINGER)), shut: false };
        *phase = Phase::Closing(Box::new(closing));
    }
}

impl<S: AsyncRead + AsyncWrite> Future for Connection<S> {
    type Output = Disconnected;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Disconnected> {
        for _ in 0..ROUNDS {
            if !matches!(self.phase, Phase::Open) {
                return self.poll_closing(cx);
            }
            match self.as_mut().round(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(why) => return Poll::Ready(why),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
