use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use alk_pubsub_core::{
    ConnectionState, Error, ErrorKind, Event, EventListener, EventTarget, Interest, LatencyProbe,
    ListenerGuard, ListenerId, Published, RemoveListener, StateWatch, Stats, TargetFuture,
};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::faults::{Conditions, EventFaultCounts, EventFaults};
use super::line::Line;
use crate::factory::{Faults, Making};

/// An event target in front of another, on whose way to the listeners events are dropped, delayed, duplicated and reordered, and
/// whose connection is lost when you say so. For tests of your own code: see [its chapter](crate#your-own-application).
///
/// Drops, delays and disconnections keep every promise: what is lost stands in a gap. So code that is right with
/// them is right. [Duplicates](EventFaults::duplicates) and [reorders](EventFaults::reorders) break promises on purpose, to see what
/// hangs on these.
///
/// While it is [disconnected](Self::disconnect) a publish fails at once with [`Disconnected`](ErrorKind::Disconnected), a subscription
/// waits, and what the target behind tells is lost. After the [reconnect](Self::reconnect) each listener has a gap, `Reconnected`, before
/// anything newer.
///
/// A publish resolves to what the target behind says: to whom it has given the event, before any fault. Publishers
/// do not wait for subscribers here, so the policy `Block` is refused. Closing it closes the target behind. A handle, cheap to clone;
/// when the last one is dropped, its subscriptions end.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Delivery, Dynamic, Gap, GapReason, InProcessEventTarget, PubSub};
/// use alk_pubsub_testkit::{EventFaults, FaultTarget};
///
/// let everybody = InProcessEventTarget::in_process();
/// let faulty = FaultTarget::new(everybody.clone(), EventFaults::seeded(17).drops(1));
/// let mut stock = PubSub::<Dynamic>::new(faulty.clone()).subscribe("stock").await?.with_gaps();
/// PubSub::<Dynamic>::new(everybody).publish("stock", "apples", 3.into()).await?;
/// let Some(Delivery::Gap(gap)) = stock.recv().await else { panic!("it was dropped") };
/// assert_eq!(gap, Gap::new(GapReason::TransportLag, Some(1)));
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultTarget(Arc<Shared>);

struct Shared {
    target: Arc<dyn EventTarget>,
    faults: EventFaults,
    conditions: Arc<Conditions>,
    runtime: Handle,
    lines: Mutex<Lines>,
    /// Changed with `lines` locked.
    state: watch::Sender<ConnectionState>,
}

#[derive(Default)]
struct Lines {
    next: u64,
    lines: HashMap<ListenerId, Listening>,
}

struct Listening {
    line: Arc<Line>,
    /// At the target behind, once that has it.
    _guard: Option<ListenerGuard>,
}

impl FaultTarget {
    /// In front of `target`, with these faults.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, which is what events wait in.
    pub fn new(target: impl EventTarget, faults: EventFaults) -> Self {
        let target = Arc::new(target);
        let state = watch::Sender::new(ConnectionState::Connected);
        let (conditions, lines, runtime) = (Arc::default(), Mutex::default(), Handle::current());
        Self(Arc::new(Shared { target, faults, conditions, runtime, lines, state }))
    }

    /// Loses the connection, and all that is on its way.
    pub fn disconnect(&self) {
        let lines = self.0.lock();
        if self.0.move_on(ConnectionState::Connected, ConnectionState::Reconnecting) {
            lines.lines.values().for_each(|listening| listening.line.cut());
        }
    }

    /// Has the connection back.
    pub fn reconnect(&self) {
        let lines: Vec<_> = {
            let lines = self.0.lock();
            if *self.0.state.borrow() != ConnectionState::Reconnecting {
                return;
            }
            lines.lines.values().for_each(|listening| listening.line.restore());
            self.0.state.send_replace(ConnectionState::Connected);
            lines.lines.values().map(|listening| listening.line.clone()).collect()
        };
        // Not under the lock: these are calls of foreign code.
        lines.iter().for_each(|line| line.hand_on());
    }

    /// Connected, and without faults from now on.
    pub fn heal(&self) {
        self.0.conditions.healthy.store(true, Ordering::Release);
        self.reconnect();
    }

    /// How many faults there were, of each kind.
    #[must_use]
    pub fn faults(&self) -> EventFaultCounts {
        self.0.conditions.counts()
    }

    /// Why nothing can be asked of it now, if so.
    fn obstacle(&self) -> Option<Error> {
        match *self.0.state.borrow() {
            ConnectionState::Connected => None,
            ConnectionState::Closed => Some(Error::closed()),
            _ => Some(Error::new(ErrorKind::Disconnected, "the connection was cut, by a fault")),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_on(&self, from: ConnectionState, to: ConnectionState) -> bool {
        self.state.send_if_modified(|state| {
            let moves = *state == from;
            if moves {
                *state = to;
            }
            moves
        })
    }

    fn enter(&self, listener: Arc<dyn EventListener>) -> (ListenerId, Arc<Line>) {
        let mut lines = self.lock();
        let connected = *self.state.borrow() == ConnectionState::Connected;
        let (number, conditions) = (lines.next, self.conditions.clone());
        let line = Line::new(listener, number, self.faults, conditions, self.runtime.clone(), connected);
        let id = ListenerId::new(number);
        lines.next += 1;
        lines.lines.insert(id, Listening { line: line.clone(), _guard: None });
        (id, line)
    }

    /// The target behind has the listener. If it was removed meanwhile, so is that.
    fn keep(&self, id: ListenerId, guard: ListenerGuard) {
        // A guard that finds no place is dropped with the lock released.
        let _unwanted = match self.lock().lines.get_mut(&id) {
            Some(listening) => listening._guard.replace(guard),
            None => Some(guard),
        };
    }

    /// Whether whoever added the listener can be told that events arrive.
    fn rely(&self, id: ListenerId) -> bool {
        let lines = self.lock();
        let connected = *self.state.borrow() == ConnectionState::Connected;
        if let Some(listening) = lines.lines.get(&id).filter(|_| connected) {
            listening.line.rely();
        }
        connected
    }
}

impl EventTarget for FaultTarget {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        match self.obstacle() {
            Some(error) => TargetFuture::ready(Err(error)),
            None => self.0.target.dispatch_event(event),
        }
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.obstacle().map_or_else(|| self.0.target.try_dispatch_event(event), Err)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        if let Some(error) = self.obstacle().filter(|error| error.kind() == ErrorKind::Closed) {
            return TargetFuture::ready(Err(error));
        }
        let shared = self.0.clone();
        let (id, line) = shared.enter(listener);
        let target: Weak<Shared> = Arc::downgrade(&self.0);
        // Takes it away again if the future is dropped.
        let guard = ListenerGuard::new(id, target);
        let added = {
            let shared = self.0.clone();
            let added = shared.target.add_event_listener(interest, line);
            added.map(move |added| added.map(|guard| shared.keep(id, guard)))
        };
        match added.try_ready() {
            Ok(Ok(())) if shared.rely(id) => TargetFuture::ready(Ok(guard)),
            Ok(Err(error)) => TargetFuture::ready(Err(error)),
            added => TargetFuture::boxed(async move {
                if let Err(waiting) = added {
                    waiting.await?;
                }
                let mut state = shared.state.subscribe();
                while !shared.rely(id) {
                    match *state.borrow_and_update() {
                        ConnectionState::Closed => return Err(Error::closed()),
                        ConnectionState::Connected => continue,
                        _ => {}
                    }
                    state.changed().await.map_err(|_| Error::closed())?;
                }
                Ok(guard)
            }),
        }
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.0.remove_listener(listener)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        {
            let _lines = self.0.lock();
            self.0.state.send_replace(ConnectionState::Closed);
        }
        self.0.target.close()
    }

    fn state(&self) -> StateWatch {
        StateWatch::from(self.0.state.subscribe()).and(self.0.target.state())
    }

    fn stats(&self) -> Stats {
        self.0.target.stats()
    }

    fn probe_latency(&self, probe: LatencyProbe) -> bool {
        self.0.target.probe_latency(probe)
    }

    fn interests(&self, most: usize) -> Vec<(Interest, u64)> {
        self.0.target.interests(most)
    }
}

impl RemoveListener for Shared {
    fn remove_listener(&self, listener: ListenerId) -> bool {
        let removed = self.lock().lines.remove(&listener);
        // With the lock released, since dropping its guard is a call of the target behind.
        removed.is_some_and(|listening| {
            listening.line.remove();
            true
        })
    }
}

/// Lets the conformance suite disconnect it.
impl Faults for FaultTarget {
    fn disconnect(&self) -> Making<'_, ()> {
        FaultTarget::disconnect(self);
        Box::pin(async {})
    }

    fn reconnect(&self) -> Making<'_, ()> {
        FaultTarget::reconnect(self);
        Box::pin(async {})
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut *self.lock());
        for listening in lines.lines.into_values() {
            listening.line.end();
        }
    }
}

impl fmt::Debug for FaultTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultTarget")
            .field("state", &*self.0.state.borrow())
            .field("faults", &self.0.faults)
            .finish_non_exhaustive()
    }
}
