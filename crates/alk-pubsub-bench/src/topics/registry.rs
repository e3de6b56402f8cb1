use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use alk_pubsub_core::{Bounds, EventMap, EventOf, EventType, NameError, Overflow, PubSub, Subscription};
use dashmap::DashMap;
use tokio::sync::broadcast;

use crate::tick::Tick;

/// How many events may wait for a subscriber. `broadcast` allocates them all at once, so with many topics it is chosen small.
pub(super) const CAPACITY: usize = 16;

/// How many event types there are.
const TYPES: usize = 10;

/// A topic's name.
#[derive(Debug, Clone)]
pub(super) struct Name {
    event_type: EventType,
    id: String,
}

impl Name {
    /// The names of so many topics.
    ///
    /// # Panics
    ///
    /// Never: these are names.
    pub(super) fn all(count: usize) -> Vec<Self> {
        let types: Vec<EventType> =
            (0..TYPES).map(|n| EventType::new(format!("type{n}")).expect("an event type")).collect();
        (0..count).map(|n| Self { event_type: types[n % TYPES].clone(), id: n.to_string() }).collect()
    }
}

/// Finds topics by their names.
pub(super) trait Registry: Clone + Send + Sync + 'static {
    type Receiver: Receiver;

    fn new() -> Self;
    fn subscribe(&self, name: &Name) -> impl Future<Output = Self::Receiver> + Send;
    /// Without waiting: who measures sees to it that there is room.
    fn publish(&self, name: &Name, tick: Tick);
    /// Ends a subscription, and forgets the topic if it was the last.
    fn unsubscribe(&self, name: &Name, receiver: Self::Receiver);
}

pub(super) trait Receiver: Send + 'static {
    /// The next event; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Tick>> + Send;
}

/// An event map whose types are known when it runs: every [`Name`] is one of its events.
#[derive(Debug)]
pub(super) struct Named;

impl EventMap for Named {}

impl EventOf<Named> for &Name {
    type Payload = Tick;

    fn event_type(self) -> Result<EventType, NameError> {
        Ok(self.event_type.clone())
    }
}

impl Registry for PubSub<Named> {
    type Receiver = Subscription<Tick>;

    fn new() -> Self {
        Self::in_process()
    }

    async fn subscribe(&self, name: &Name) -> Subscription<Tick> {
        let bounds = Bounds::default().events(CAPACITY).overflow(Overflow::DropOldest);
        self.subscribe_to(name, &name.id).bounds(bounds).await.expect("in process")
    }

    fn publish(&self, name: &Name, tick: Tick) {
        let published = self.try_publish(name, &name.id, tick).expect("in process");
        assert_ne!(published.known_receivers(), Some(0), "nobody listened");
    }

    fn unsubscribe(&self, _: &Name, receiver: Subscription<Tick>) {
        drop(receiver);
    }
}

impl Receiver for Subscription<Tick> {
    async fn next(&mut self) -> Option<Tick> {
        self.recv().await.map(|event| *event.payload())
    }
}

type Sender = broadcast::Sender<Arc<Tick>>;

impl Registry for Arc<DashMap<String, Sender>> {
    type Receiver = broadcast::Receiver<Arc<Tick>>;

    fn new() -> Self {
        Self::default()
    }

    async fn subscribe(&self, Name { event_type, id }: &Name) -> Self::Receiver {
        self.entry(format!("{event_type}:{id}")).or_insert_with(|| broadcast::channel(CAPACITY).0).subscribe()
    }

    fn publish(&self, Name { event_type, id }: &Name, tick: Tick) {
        let sender = self.get(&format!("{event_type}:{id}"));
        assert!(sender.is_some_and(|sender| sender.send(Arc::new(tick)).is_ok()), "nobody listened");
    }

    fn unsubscribe(&self, Name { event_type, id }: &Name, receiver: Self::Receiver) {
        drop(receiver);
        self.remove_if(&format!("{event_type}:{id}"), |_, sender| sender.receiver_count() == 0);
    }
}

impl Registry for Arc<RwLock<HashMap<String, Sender>>> {
    type Receiver = broadcast::Receiver<Arc<Tick>>;

    fn new() -> Self {
        Self::default()
    }

    async fn subscribe(&self, Name { event_type, id }: &Name) -> Self::Receiver {
        let mut topics = self.write().expect("nobody panicked");
        topics
            .entry(format!("{event_type}:{id}"))
            .or_insert_with(|| broadcast::channel(CAPACITY).0)
            .subscribe()
    }

    fn publish(&self, Name { event_type, id }: &Name, tick: Tick) {
        let topics = self.read().expect("nobody panicked");
        let sender = topics.get(&format!("{event_type}:{id}"));
        assert!(sender.is_some_and(|sender| sender.send(Arc::new(tick)).is_ok()), "nobody listened");
    }

    fn unsubscribe(&self, Name { event_type, id }: &Name, receiver: Self::Receiver) {
        drop(receiver);
        let mut topics = self.write().expect("nobody panicked");
        let key = format!("{event_type}:{id}");
        if topics.get(&key).is_some_and(|sender| sender.receiver_count() == 0) {
            topics.remove(&key);
        }
    }
}

impl Receiver for broadcast::Receiver<Arc<Tick>> {
    async fn next(&mut self) -> Option<Tick> {
        match self.recv().await {
            Ok(tick) => Some(*tick),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(lagged) => panic!("{lagged}"),
        }
    }
}
