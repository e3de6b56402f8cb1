use std::task::{Context, Poll};

use alk_pubsub_core::Event;

use super::run::{Connection, Outcome, Unheard};
use crate::frame::Control;
use crate::pipe::{Frames, Pipe, prefixed};
use crate::spoke::shared::{max_event_bytes, too_large};
use crate::spoke::stats::add;

/// How much is given to the pipe at once.
const BATCH: usize = 64 << 10;

impl<P: Pipe> Connection<'_, P> {
    pub(super) fn put(&mut self, control: &Control) {
        match control.encode(self.pipe.wire()) {
            Ok(frame) => prefixed(&frame, &mut self.batch),
            Err(error) => {
                tracing::error!(%error, frame = control.frame_type(), "a control frame cannot be encoded");
            }
        }
    }

    /// Gives the pipe what there is and it takes; whether there may be more.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Outcome> {
        let mut more = false;
        let ready = match self.pipe.poll_ready(cx) {
            Poll::Ready(ready) => ready.map(|()| true),
            Poll::Pending => Ok(false),
        };
        let ready = ready.map_err(Outcome::Lost)?;
        if ready {
            if !std::mem::replace(&mut self.was_ready, true) {
                self.clocks.flowing();
            }
            more = self.fill(cx)?;
            if !self.batch.is_empty() {
                let frames = Frames::from_prefixed(std::mem::take(&mut self.batch).into());
                self.pipe.send(frames).map_err(Outcome::Lost)?;
            }
        }
        self.was_ready = ready;
        self.flush(cx)?;
        Ok(more)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Outcome> {
        match self.pipe.poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.clocks.flowing();
                flushed.map_err(Outcome::Lost)?;
                self.unheard.on_its_way = false;
                Ok(())
            }
            Poll::Pending => self.clocks.stalled(cx),
        }
    }

    /// Fills the batch with what changed and what was published; whether there may be more.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<bool, Outcome> {
        let mut effects = std::mem::take(&mut self.effects);
        let mut events = Vec::new();
        let (max, more, awaited) = {
            let core = &mut *self.shared.lock();
            effects.append(&mut core.effects);
            core.machine.ask(&mut effects);
            let mut bytes = 0;
            while core.flowing && bytes < BATCH {
                let Some((event, number)) = core.publishes.next() else { break };
                // Half of the smallest envelope, for those whose length is not known.
                bytes += event.encoded_len().max(32);
                events.push((event, number));
            }
            let more = core.flowing && core.publishes.has_queued();
            let max = core.machine.max_frame_bytes().map_or(usize::MAX, max_event_bytes);
            (max, more, core.publishes.awaited())
        };
        if let Some(number) = awaited {
            self.clocks.awaiting(number, cx);
        }
        let carried_out = self.carry_out(&mut effects);
        self.effects = effects;
        for (event, number) in events {
            self.publish(&event, number, max);
        }
        carried_out.map(|()| more)
    }

    fn publish(&mut self, event: &Event, number: Option<u64>, max: usize) {
        let wire = self.pipe.wire();
        // It may have been taken before it was known how much this hub takes.
        let envelope = event.encode(wire.encoding());
        let fits = envelope.and_then(|envelope| match envelope.len() {
            bytes if bytes > max => Err(too_large(bytes, max)),
            _ => Ok(envelope),
        });
        let frame = match number {
            None => fits,
            Some(number) => fits.and_then(|_| {
                Control::Publish { reference: number.to_string(), event: event.clone() }.encode(wire)
            }),
        };
        match frame {
            Ok(frame) => {
                add(&self.shared.counters.events_out, 1);
                if number.is_none() {
                    self.unheard = Unheard { some: true, on_its_way: true };
                }
                prefixed(&frame, &mut self.batch);
            }
            Err(error) => {
                let unanswered = number.and_then(|number| self.shared.lock().publishes.answered(number));
                match unanswered {
                    Some(unanswered) => unanswered.answer(Err(error)),
                    None => {
                        add(&self.shared.counters.unsent, 1);
                        tracing::warn!(%error, topic = %event.topic(), "a published event cannot be sent");
                    }
                }
            }
        }
    }
}
