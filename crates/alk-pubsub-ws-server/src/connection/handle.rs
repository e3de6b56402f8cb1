use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use alk_pubsub_core::{
    Bounds, Error, ErrorKind, Event, EventListener, EventTarget, Gap, GapReason, Interest, ListenerGuard,
    ListenerId, Published, RawSubscription, Router, Scope, StateWatch, TargetFuture,
};
use alk_pubsub_link::{CloseCode, ConnectionInfo};
use futures_util::task::AtomicWaker;

use crate::spoke::SpokeEventTarget;

/// A connection of a [`WsServerEventTarget`](crate::WsServerEventTarget). A handle, cheap to clone.
#[derive(Clone)]
pub struct WsConnection(pub(crate) Arc<Shared>);

/// Why a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disconnected {
    /// The spoke closed it or went away.
    BySpoke,
    /// The hub closed it.
    ByHub,
    /// Nothing arrived from the spoke for too long.
    Silent,
    /// The spoke did not speak the protocol, or sent a frame that was too large.
    Protocol,
}

/// What the task of a connection and those who hold its handle share.
///
/// It is also the event target that the connection's session serves: the hub's, with a tap for those who listen to this
/// spoke alone.
pub(crate) struct Shared {
    pub(crate) info: ConnectionInfo,
    hub: Arc<dyn EventTarget>,
    queue: Bounds,
    task: AtomicWaker,
    orders: Mutex<Orders>,
    spoke: OnceLock<SpokeEventTarget>,
    tap: OnceLock<Router>,
}

#[derive(Default)]
struct Orders {
    ask_again: bool,
    unsubscribe: Vec<Arc<Which>>,
    close: Option<Order>,
    /// Events for this spoke alone.
    events: VecDeque<Event>,
    bytes: u64,
    missed: u64,
    gone: bool,
}

/// Which interests of which connections.
pub(crate) type Which = dyn Fn(&ConnectionInfo, &Interest) -> bool + Send + Sync;

/// What a connection is told to do.
#[derive(Clone)]
pub(crate) enum Order {
    /// Ask the authorizer again about all interests.
    AskAgain,
    /// End these interests.
    Unsubscribe(Arc<Which>),
    /// Close with a close frame, and come back after so many milliseconds, if that.
    Close(CloseCode, &'static str, Option<u64>),
    /// End at once.
    Cut,
}

/// What a connection has been told since it last asked.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) ask_again: bool,
    pub(crate) unsubscribe: Vec<Arc<Which>>,
    pub(crate) close: Option<Order>,
    pub(crate) gap: Option<Gap>,
    pub(crate) events: VecDeque<Event>,
}

impl Shared {
    pub(crate) fn new(info: ConnectionInfo, hub: Arc<dyn EventTarget>, queue: Bounds) -> Self {
        Self {
            info,
            hub,
            queue,
            task: AtomicWaker::new(),
            orders: Mutex::default(),
            spoke: OnceLock::new(),
            tap: OnceLock::new(),
        }
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn order(&self, order: Order) {
        let mut orders = self.orders();
        match order {
            Order::AskAgain => orders.ask_again = true,
            // Those of a connection that is about to go are nobody's business any more.
            Order::Unsubscribe(which) if !orders.gone => orders.unsubscribe.push(which),
            Order::Unsubscribe(_) => {}
            Order::Close(..) if matches!(orders.close, Some(Order::Cut)) => {}
            Order::Close(..) | Order::Cut => orders.close = Some(order),
        }
        drop(orders);
        self.task.wake();
    }

    /// Sends an event to this spoke, whatever it has subscribed to.
    pub(crate) fn send(&self, event: Event) -> Result<Published, Error> {
        let mut orders = self.orders();
        if orders.gone {
            return Err(Error::new(ErrorKind::Disconnected, "the spoke has gone"));
        }
        orders.bytes += event.encoded_len() as u64;
        orders.events.push_back(event);
        let mut dropped = Vec::new();
        while orders.events.len() as u64 > self.queue.max_events()
            || (orders.bytes > self.queue.max_bytes() && orders.events.len() > 1)
        {
            if let Some(oldest) = orders.events.pop_front() {
                orders.bytes -= oldest.encoded_len() as u64;
                orders.missed += 1;
                dropped.push(oldest);
            }
        }
        drop(orders);
        self.task.wake();
        Ok(Published::exact(1))
    }

    /// For the connection's task: what it was told since it last asked. The task is woken for what comes later.
    pub(crate) fn take_orders(&self, waker: &std::task::Waker, room: bool) -> Told {
        self.task.register(waker);
        let mut orders = self.orders();
        let mut told = Told {
            ask_again: std::mem::take(&mut orders.ask_again),
            unsubscribe: std::mem::take(&mut orders.unsubscribe),
            close: orders.close.take(),
            ..Told::default()
        };
        if room && (orders.missed > 0 || !orders.events.is_empty()) {
            let missed = std::mem::take(&mut orders.missed);
            orders.bytes = 0;
            told.gap = (missed > 0).then(|| Gap::new(GapReason::Overflow, Some(missed)));
            told.events = std::mem::take(&mut orders.events);
        }
        told
    }

    /// For the connection's task, at its end.
    pub(crate) fn gone(&self) {
        let events = {
            let mut orders = self.orders();
            orders.gone = true;
            std::mem::take(&mut orders.events)
        };
        drop(events);
        if let Some(spoke) = self.spoke.get() {
            spoke.disconnected();
        }
    }

    fn is_gone(&self) -> bool {
        self.orders().gone
    }
}

impl WsConnection {
    /// What is known of the connection.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.0.info
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.info.id()
    }

    /// An event target of this spoke alone: what is dispatched goes to this spoke and nobody else, and listeners hear
    /// what this spoke publishes and nothing else.
    #[must_use]
    pub fn target(&self) -> SpokeEventTarget {
        let target = self.0.spoke.get_or_init(|| {
            let (target, router) = SpokeEventTarget::new(&self.0);
            // Nobody else initialises it: this runs once.
            let _ = self.0.tap.set(router);
            target
        });
        if self.0.is_gone() {
            target.disconnected();
        }
        target.clone()
    }

    /// Closes the connection with this close code. With `retry_ms` the spoke is asked to come back after that time, in
    /// milliseconds.
    pub fn close(&self, code: CloseCode, reason: &'static str, retry_ms: Option<u64>) {
        self.0.order(Order::Close(code, reason, retry_ms));
    }
}

impl fmt::Debug for WsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsConnection").field(&self.0.info).finish()
    }
}

impl EventTarget for Shared {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        let Some(tap) = self.tap.get().cloned() else { return self.hub.dispatch_event(event) };
        self.hub.dispatch_event(event.clone()).map(move |published| {
            if published.is_ok() {
                tap.deliver(event, Scope::ALL);
            }
            published
        })
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        let Some(tap) = self.tap.get() else { return self.hub.try_dispatch_event(event) };
        let published = self.hub.try_dispatch_event(event.clone())?;
        tap.deliver(event, Scope::ALL);
        Ok(published)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        self.hub.add_event_listener(interest, listener)
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.hub.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        self.hub.subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        TargetFuture::ready(Ok(()))
    }

    fn state(&self) -> StateWatch {
        self.hub.state()
    }
}
