use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use alk_pubsub_core::{ConnectionState, Error, ErrorKind, Event, Interest, Published};
use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::machine::{Confirmation, Effect, Machine};
use super::options::{Offline, SpokeOptions};
use super::outgoing::{Outgoing, Publishes};
use super::stats::{Counters, add};
use crate::error::Error as PipeError;
use crate::frame::Wire;

/// The most that stands around an event in a frame, which is a publish with a reference of twenty digits.
const PUBLISH_OVERHEAD: usize = 64;

/// The largest event that fits into a frame of so many bytes, whichever way it is published.
pub(super) fn max_event_bytes(max_frame_bytes: usize) -> usize {
    max_frame_bytes.saturating_sub(PUBLISH_OVERHEAD)
}

pub(super) fn too_large(bytes: usize, max: usize) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the event has {bytes} bytes, and the hub takes at most {max}"))
}

/// What the handles of a spoke and its task have in common.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    /// Wakes the task.
    task: AtomicWaker,
    /// Room for events on their way, in bytes.
    pub(super) room: Arc<Semaphore>,
    state: watch::Sender<ConnectionState>,
    /// How the task ended.
    ended: watch::Sender<Option<Result<(), Error>>>,
    /// Why there is no connection, from the first failure until there is one.
    failure: watch::Sender<Option<PipeError>>,
    pub(super) counters: Counters,
    pub(super) options: SpokeOptions,
}

/// Foreign code never runs under its lock, and the router is not called.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) machine: Machine,
    pub(super) publishes: Publishes,
    /// What the machine wants the task to do.
    pub(super) effects: Vec<Effect>,
    /// Whether published events are sent: from the moment at which all interests are active again.
    pub(super) flowing: bool,
    /// Whether events were lost with the last connection of which nobody else was told.
    lost: bool,
    confirms: HashMap<Interest, Vec<oneshot::Sender<Result<(), Error>>>>,
    phase: Phase,
    wire: Wire,
}

#[derive(Debug, Clone)]
pub(super) enum Phase {
    Open,
    /// Everything is to be sent until then.
    Closing(Instant),
    /// All handles are gone.
    Dropped,
    /// For this reason.
    Ended(Error),
}

impl Shared {
    pub(super) fn new(options: SpokeOptions) -> Self {
        let core = Core {
            machine: Machine::default(),
            publishes: Publishes::default(),
            effects: Vec::new(),
            flowing: false,
            lost: false,
            confirms: HashMap::new(),
            phase: Phase::Open,
            wire: Wire::default(),
        };
        Self {
            core: Mutex::new(core),
            task: AtomicWaker::new(),
            room: Arc::new(Semaphore::new(room(options.queue_bytes) as usize)),
            state: watch::Sender::new(ConnectionState::Connecting),
            ended: watch::Sender::new(None),
            failure: watch::Sender::new(None),
            counters: Counters::default(),
            options,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch_state(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    pub(super) fn set_state(&self, state: ConnectionState) {
        self.state.send_if_modified(|old| std::mem::replace(old, state) != state);
    }

    pub(super) fn watch_end(&self) -> watch::Receiver<Option<Result<(), Error>>> {
        self.ended.subscribe()
    }

    pub(super) fn watch_failure(&self) -> watch::Receiver<Option<PipeError>> {
        self.failure.subscribe()
    }

    /// Whether there was a failure before.
    pub(super) fn set_failure(&self, failure: Option<PipeError>) -> bool {
        self.failure.send_replace(failure).is_some()
    }

    /// Does something with the core, then has the task look at it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let changed = change(&mut self.lock());
        self.task.wake();
        changed
    }

    /// Has the task woken by the next change.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    /// Who waits for an interest is told how it went.
    pub(super) fn confirm(&self, interest: &Interest, result: &Result<(), Error>) {
        let waiting = self.lock().confirms.remove(interest);
        for waiting in waiting.into_iter().flatten() {
            drop(waiting.send(result.clone()));
        }
    }

    /// How many bytes of room an event takes.
    pub(super) fn size(&self, event: &Event) -> Result<usize, Error> {
        let (wire, max, phase) = {
            let core = self.lock();
            (core.wire, core.machine.max_frame_bytes(), core.phase.clone())
        };
        if let Phase::Ended(error) = phase {
            return Err(error);
        }
        let bytes = event.encode(wire.encoding())?.len();
        match max.map(max_event_bytes) {
            Some(max) if bytes > max => Err(too_large(bytes, max)),
            _ => Ok(bytes + PUBLISH_OVERHEAD),
        }
    }

    /// The room that so many bytes take.
    pub(super) fn permits(&self, bytes: usize) -> u32 {
        room(bytes).min(room(self.options.queue_bytes))
    }

    /// Puts an event into the queue; with an answer where one is wanted.
    pub(super) fn enqueue(
        &self,
        event: Event,
        bytes: usize,
        room: OwnedSemaphorePermit,
        answered: bool,
    ) -> Result<Option<oneshot::Receiver<Result<Published, Error>>>, Error> {
        self.change(|core| {
            match &core.phase {
                Phase::Open => {}
                Phase::Ended(error) => return Err(error.clone()),
                Phase::Closing(_) | Phase::Dropped => return Err(Error::closed()),
            }
            let room = if core.machine.is_welcome() {
                Some(room)
            } else {
                core.check_offline(bytes, self.options.offline)?;
                None
            };
            let (answer, receiver) = if answered {
                let (sender, receiver) = oneshot::channel();
                (Some((core.machine.number(), sender)), Some(receiver))
            } else {
                (None, None)
            };
            core.publishes.push(Outgoing { event, bytes, answer, room });
            Ok(receiver)
        })
    }

    /// There is a connection, and it has this encoding.
    pub(super) fn connected(&self, wire: Wire) {
        self.lock().wire = wire;
    }

    pub(super) fn disconnected(&self) {
        let keep = match self.options.offline {
            Offline::Fail => 0,
            Offline::Buffer(bytes) => bytes,
        };
        let unsent = {
            let core = &mut *self.lock();
            core.flowing = false;
            core.effects.clear();
            core.machine.disconnected();
            let open = core.publishes.open();
            let unsent = core.publishes.disconnected(keep);
            // Whoever closes is told of everything, also of what its publishers were told of.
            let closing = matches!(core.phase, Phase::Closing(_));
            core.lost |= unsent > 0 || (closing && core.publishes.open() < open);
            unsent
        };
        self.count_unsent(unsent);
        self.state.send_if_modified(|state| {
            let lost = *state == ConnectionState::Connected;
            if lost {
                *state = ConnectionState::Reconnecting;
            }
            lost
        });
    }

    /// The task has ended: for good, and for this reason. `result` is for those who wait for the end.
    pub(super) fn end(&self, error: &Error, result: Result<(), Error>) {
        let (confirms, unsent, lost) = {
            let core = &mut *self.lock();
            core.phase = Phase::Ended(error.clone());
            core.machine.disconnected();
            core.effects.clear();
            let lost = core.lost || core.publishes.open() > 0;
            (std::mem::take(&mut core.confirms), core.publishes.end(error), lost)
        };
        let result = match result {
            Ok(()) if lost => Err(Error::new(
                ErrorKind::Disconnected,
                "events that were published were lost with the connection to the hub",
            )),
            result => result,
        };
        for waiting in confirms.into_values().flatten() {
            drop(waiting.send(Err(error.clone())));
        }
        self.count_unsent(unsent);
        self.room.close();
        self.set_state(ConnectionState::Closed);
        self.ended.send_replace(Some(result));
    }

    /// Events that nobody waits for were given to a connection, and did not all get to the hub.
    pub(super) fn lost(&self) {
        self.lock().lost = true;
    }

    /// The error of a link that was closed before everything was sent.
    pub(super) fn unsent(&self) -> Error {
        let events = self.lock().publishes.open();
        let message = format!("{events} events were not sent, or not answered by the hub, in time");
        Error::new(ErrorKind::Timeout, message)
    }

    fn count_unsent(&self, events: u64) {
        if events > 0 {
            add(&self.counters.unsent, events);
            tracing::warn!(
                events,
                "published events were not sent, since the connection to the hub was lost"
            );
        }
    }

    /// Why the task should stop although there is no connection, if it should.
    pub(super) fn poll_leave(&self, cx: &Context<'_>) -> Poll<Phase> {
        self.register(cx);
        let core = self.lock();
        match &core.phase {
            Phase::Open => Poll::Pending,
            Phase::Closing(_) if core.publishes.has_queued() => Poll::Pending,
            phase => Poll::Ready(phase.clone()),
        }
    }
}

impl Core {
    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The error of what comes too late.
    pub(super) fn ended_by(&self) -> Error {
        match &self.phase {
            Phase::Ended(error) => error.clone(),
            _ => Error::closed(),
        }
    }

    pub(super) fn want(&mut self, interest: &Interest) {
        self.machine.want(interest);
    }

    pub(super) fn drop_interest(&mut self, interest: &Interest) {
        self.confirms.remove(interest);
        let Self { machine, effects, .. } = self;
        machine.drop_interest(interest, effects);
    }

    /// Ready if an interest is active; otherwise somebody to be told.
    pub(super) fn confirmed(
        &mut self,
        interest: &Interest,
    ) -> Result<Option<oneshot::Receiver<Result<(), Error>>>, Error> {
        match &self.phase {
            Phase::Ended(error) => return Err(error.clone()),
            Phase::Closing(_) | Phase::Dropped => return Err(Error::closed()),
            Phase::Open => {}
        }
        match self.machine.confirmation(interest) {
            Confirmation::Confirmed => Ok(None),
            Confirmation::Unknown => Err(Error::closed()),
            Confirmation::Open => {
                let (sender, receiver) = oneshot::channel();
                let waiting = self.confirms.entry(interest.clone()).or_default();
                waiting.retain(|waiting| !waiting.is_closed());
                waiting.push(sender);
                Ok(Some(receiver))
            }
        }
    }

    /// There is a connection on which published events are sent.
    pub(super) fn settled(&mut self) {
        self.flowing = true;
        if matches!(self.phase, Phase::Open) {
            // What was lost before is an earlier story than that of whoever closes it later.
            self.lost = false;
        }
    }

    pub(super) fn close(&mut self, deadline: Instant) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Closing(deadline);
        }
    }

    pub(super) fn dropped(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Dropped;
        }
    }

    fn check_offline(&self, bytes: usize, offline: Offline) -> Result<(), Error> {
        let message = match offline {
            Offline::Fail => "there is no connection to the hub",
            Offline::Buffer(most) if self.publishes.queued_bytes() + bytes > most => {
                "there is no connection to the hub, and no room to keep the event until there is one"
            }
            Offline::Buffer(_) => return Ok(()),
        };
        Err(Error::new(ErrorKind::Disconnected, message))
    }
}

/// A number of permits.
fn room(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, 1 << 30)
}
