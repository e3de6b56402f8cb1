//! A server in memory and the upstream of its clients: everything goes there and back as bytes, takes its time, and can be cut.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alk_pubsub_core::{
    ConnectionState, Encoding, Error, ErrorKind, Event, Gap, GapReason, Interest, Interests, Published,
    Receivers, RoutedEventTarget, Router, Scope, StateWatch, TargetFuture, Topic, Upstream,
};
use alk_pubsub_testkit::{Faults, Making};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// The largest envelope the server takes.
pub(crate) const LIMIT: usize = 32 << 10;

#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<Clients>>);

#[derive(Default)]
struct Clients {
    next: u64,
    clients: HashMap<u64, Connected>,
}

/// A connection, as the server sees it.
struct Connected {
    subscribed: HashSet<Interest>,
    messages: mpsc::Sender<Bytes>,
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> (u64, mpsc::Receiver<Bytes>) {
        let (messages, receiver) = mpsc::channel(1 << 16);
        let mut clients = self.lock();
        clients.next += 1;
        let id = clients.next;
        clients.clients.insert(id, Connected { subscribed: HashSet::new(), messages });
        (id, receiver)
    }

    fn disconnect(&self, client: u64) {
        self.lock().clients.remove(&client);
    }

    /// Whether the client is connected, so that it counts.
    fn subscribe(&self, client: u64, interest: &Interest, wanted: bool) -> bool {
        let mut clients = self.lock();
        let Some(connected) = clients.clients.get_mut(&client) else { return false };
        if wanted {
            connected.subscribed.insert(interest.clone());
        } else {
            connected.subscribed.remove(interest);
        }
        true
    }

    /// Whether the client is connected, so that it may publish.
    fn publish(&self, client: u64, topic: &Topic, envelope: &Bytes) -> bool {
        let clients = self.lock();
        if !clients.clients.contains_key(&client) {
            return false;
        }
        for connected in clients.clients.values() {
            if connected.subscribed.iter().any(|interest| interest.matches(topic)) {
                connected.messages.try_send(envelope.clone()).expect("the checks do not send that much");
            }
        }
        true
    }
}

/// The upstream of a client of the [`Server`].
pub(crate) struct Client {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    server: Server,
    /// The connection, while there is one.
    connection: watch::Sender<Option<u64>>,
    /// Whether there may be one.
    allowed: watch::Sender<bool>,
    interests: Interests,
    state: watch::Sender<ConnectionState>,
}

impl Client {
    pub(crate) fn target(server: &Server) -> RoutedEventTarget<Self> {
        RoutedEventTarget::new(|router| {
            let shared = Arc::new(Shared {
                server: server.clone(),
                connection: watch::Sender::new(None),
                allowed: watch::Sender::new(true),
                interests: Interests::new(),
                state: watch::Sender::new(ConnectionState::Connecting),
            });
            let task = tokio::spawn(run(shared.clone(), router)).abort_handle();
            Self { shared, task }
        })
    }

    pub(crate) fn faults(&self) -> Cut {
        Cut(self.shared.clone())
    }
}

/// Connects again and again.
async fn run(shared: Arc<Shared>, router: Router) {
    let mut allowed = shared.allowed.subscribe();
    let mut missing = Vec::new();
    loop {
        if allowed.wait_for(|allowed| *allowed).await.is_err() {
            return;
        }
        let (id, mut messages) = shared.server.connect();
        shared.connection.send_replace(Some(id));
        // Before anything that comes from now on.
        for interest in std::mem::take(&mut missing) {
            router.report_gap(Some(&interest), Gap::new(GapReason::Reconnected, None));
        }
        loop {
            let changes = shared.interests.take_changes(10);
            for (interests, wanted) in [(&changes.added, true), (&changes.removed, false)] {
                for interest in interests {
                    tokio::task::yield_now().await;
                    if shared.server.subscribe(id, interest, wanted) {
                        shared.interests.confirm(changes.generation, interest);
                    }
                }
            }
            if shared.interests.is_settled() {
                shared.state.send_replace(ConnectionState::Connected);
            }
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(envelope) => deliver(&router, envelope),
                    None => break,
                },
                () = shared.interests.changed() => {}
            }
        }
        shared.connection.send_replace(None);
        missing = shared.interests.connection_lost();
        shared.state.send_replace(ConnectionState::Reconnecting);
    }
}

fn deliver(router: &Router, envelope: Bytes) {
    match Event::from_encoded(Encoding::JSON, envelope) {
        Ok(event) => _ = router.deliver(event, Scope::ALL),
        Err(_) => router.report_gap(None, Gap::new(GapReason::TransportLag, Some(1))),
    }
}

impl Upstream for Client {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        // It is on its way when this returns, and the answer comes later.
        let published = self.try_publish(event);
        TargetFuture::boxed(async move {
            tokio::task::yield_now().await;
            published
        })
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        let envelope = event.encode(&Encoding::JSON)?;
        if envelope.len() > LIMIT {
            return Err(Error::new(ErrorKind::TooLarge, "the server takes no such events"));
        }
        let connection = *self.shared.connection.borrow();
        if connection.is_some_and(|id| self.shared.server.publish(id, event.topic(), &envelope)) {
            Ok(Published { receivers: Receivers::Unknown })
        } else {
            Err(Error::new(ErrorKind::Disconnected, "there is no connection"))
        }
    }

    fn interest_added(&self, interest: &Interest) {
        self.shared.interests.interest_added(interest);
    }

    fn interest_removed(&self, interest: &Interest) {
        self.shared.interests.interest_removed(interest);
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        self.shared.interests.confirmed(interest)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.task.abort();
        if let Some(id) = self.shared.connection.send_replace(None) {
            self.shared.server.disconnect(id);
        }
        self.shared.interests.close(Error::closed());
        self.shared.state.send_replace(ConnectionState::Closed);
        TargetFuture::ready(Ok(()))
    }

    fn state(&self) -> Option<StateWatch> {
        Some(self.shared.state.subscribe().into())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(id) = *self.shared.connection.borrow() {
            self.shared.server.disconnect(id);
        }
    }
}

/// Cuts a client off from its server.
pub(crate) struct Cut(Arc<Shared>);

impl Faults for Cut {
    fn disconnect(&self) -> Making<'_, ()> {
        self.0.allowed.send_replace(false);
        if let Some(id) = *self.0.connection.borrow() {
            self.0.server.disconnect(id);
        }
        Box::pin(async {})
    }

    fn reconnect(&self) -> Making<'_, ()> {
        self.0.allowed.send_replace(true);
        Box::pin(async {})
    }

    fn send_raw<'a>(&'a self, topic: &'a Topic, bytes: Bytes) -> Making<'a, ()> {
        if let Some(id) = *self.0.connection.borrow() {
            self.0.server.publish(id, topic, &bytes);
        }
        Box::pin(async {})
    }
}
