//! A server that does what a test says, with the faults of the real client in front of it.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::future::{Future, pending, ready};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Answer, Counts, Driver, Incoming, Kind, PublisherConnection, SubscriberConnection};
use crate::error::{Error, ErrorKind};

/// Longer than answers that belong to nothing are kept for the next question.
const IDLE: Duration = Duration::from_millis(1);

#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// Why nobody can connect now.
    away: Option<Error>,
    /// Whether questions are answered.
    hangs: bool,
    denied: HashSet<String>,
    /// Whether the client loses the answer to a refused request, as it does when it is idle.
    quiet: bool,
    connections: Vec<Arc<Connection>>,
    attempts: u32,
}

#[derive(Default)]
struct Connection {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    subscribed: BTreeSet<(Kind, String)>,
    arrived: VecDeque<Arrived>,
    /// Answers that have come and belong to no question; the next question gets the first.
    strays: VecDeque<Stray>,
    asked: Option<Instant>,
    closed: bool,
}

enum Arrived {
    Message(Kind, String, Vec<u8>),
    Lagged(u64),
    TopologyChanged,
}

#[derive(Clone)]
enum Stray {
    Refused,
    Counts(Counts),
    Echo(u64),
}

impl Scripted {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    /// Ends all connections; `away` says what comes of attempts to connect from now on.
    pub(crate) fn crash(&self, away: Option<Error>) {
        let connections = {
            let mut script = self.script();
            script.away = away;
            std::mem::take(&mut script.connections)
        };
        for connection in connections {
            connection.state.lock().unwrap().closed = true;
            connection.news.notify_waiters();
            connection.news.notify_one();
        }
    }

    pub(crate) fn come_back(&self) {
        self.script().away = None;
    }

    pub(crate) fn hang(&self, hangs: bool) {
        self.script().hangs = hangs;
    }

    pub(crate) fn deny(&self, name: &str) {
        self.script().denied.insert(name.to_owned());
    }

    /// Has refusals come to nobody's notice, or in the place of the next answer.
    pub(crate) fn be_quiet(&self, quiet: bool) {
        self.script().quiet = quiet;
    }

    /// Attempts to connect, of whatever kind.
    pub(crate) fn attempts(&self) -> u32 {
        self.script().attempts
    }

    pub(crate) fn subscriber_connections(&self) -> usize {
        self.script().connections.iter().filter(|connection| Arc::strong_count(connection) > 1).count()
    }

    /// Everything that is subscribed to on any connection.
    pub(crate) fn subscribed(&self) -> Vec<String> {
        let mut names = Vec::new();
        for connection in &self.script().connections {
            names.extend(connection.state.lock().unwrap().subscribed.iter().map(|(_, name)| name.clone()));
        }
        names
    }

    /// Forgets subscriptions without telling.
    pub(crate) fn forget(&self) {
        for connection in &self.script().connections {
            connection.state.lock().unwrap().subscribed.clear();
        }
    }

    pub(crate) fn lag(&self, messages: u64) {
        self.each(|state| state.arrived.push_back(Arrived::Lagged(messages)));
    }

    pub(crate) fn change_topology(&self) {
        self.each(|state| state.arrived.push_back(Arrived::TopologyChanged));
    }

    /// A PUBLISH by somebody: a copy for each subscription, those of channels first.
    pub(crate) fn publish(&self, channel: &str, envelope: &[u8]) -> u64 {
        let mut receivers = 0;
        self.each(|state| {
            for (kind, name) in &state.subscribed {
                let matches = match kind {
                    Kind::Pattern => channel.starts_with(name.trim_end_matches('*')),
                    Kind::Channel | Kind::Shard => channel == name,
                };
                if matches {
                    receivers += 1;
                    state.arrived.push_back(Arrived::Message(*kind, channel.to_owned(), envelope.to_vec()));
                }
            }
        });
        receivers
    }

    fn each(&self, mut each: impl FnMut(&mut State)) {
        for connection in &self.script().connections {
            each(&mut connection.state.lock().unwrap());
            connection.news.notify_one();
        }
    }

    fn connect(&self) -> Result<(), Error> {
        let mut script = self.script();
        script.attempts += 1;
        script.away.clone().map_or(Ok(()), Err)
    }
}

impl Driver for Scripted {
    type Subscriber = ScriptedSubscriber;
    type Publisher = ScriptedPublisher;

    async fn connect_subscriber(&self) -> Result<ScriptedSubscriber, Error> {
        self.connect()?;
        let connection = Arc::new(Connection::default());
        self.script().connections.push(connection.clone());
        Ok(ScriptedSubscriber { server: self.clone(), connection })
    }

    async fn connect_publisher(&self) -> Result<ScriptedPublisher, Error> {
        self.connect()?;
        let connection = Arc::new(Connection::default());
        self.script().connections.push(connection.clone());
        Ok(ScriptedPublisher { server: self.clone(), connection })
    }
}

pub(crate) struct ScriptedSubscriber {
    server: Scripted,
    connection: Arc<Connection>,
}

impl ScriptedSubscriber {
    /// Answers in turn: what is left over from before comes first, unless there was time to drop it.
    fn ask<T: Send + 'static>(&self, own: Stray, read: impl FnOnce(Stray) -> Result<T, Error>) -> Answer<T> {
        if self.server.script().hangs {
            return Box::pin(pending());
        }
        let mut state = self.connection.state.lock().unwrap();
        if state.closed {
            return Box::pin(ready(Err(Error::disconnected())));
        }
        if state.asked.is_none_or(|asked| asked.elapsed() > IDLE) {
            state.strays.clear();
        }
        state.asked = Some(Instant::now());
        state.strays.push_back(own);
        let answer = state.strays.pop_front().unwrap();
        Box::pin(ready(read(answer)))
    }
}

impl Drop for ScriptedSubscriber {
    fn drop(&mut self) {
        self.connection.state.lock().unwrap().subscribed.clear();
    }
}

fn refused() -> Error {
    Error::new(ErrorKind::Denied, "NOPERM")
}

impl SubscriberConnection for ScriptedSubscriber {
    fn request(&self, kind: Kind, add: bool, names: Vec<String>) -> Answer<()> {
        let denied = add && names.iter().any(|name| self.server.script().denied.contains(name));
        let mut state = self.connection.state.lock().unwrap();
        if self.server.script().hangs {
            return Box::pin(ready(Ok(())));
        }
        if kind == Kind::Shard {
            assert_eq!(names.len(), 1, "the client mistakes the answers to several");
        }
        assert!(!names.is_empty() && names.len() <= 512);
        if !denied {
            for name in names {
                if add {
                    state.subscribed.insert((kind, name));
                } else {
                    state.subscribed.remove(&(kind, name));
                }
            }
            return Box::pin(ready(Ok(())));
        }
        if kind == Kind::Shard {
            return Box::pin(ready(Err(refused())));
        }
        if !self.server.script().quiet {
            state.asked = Some(Instant::now());
            state.strays.push_back(Stray::Refused);
        }
        Box::pin(ready(Ok(())))
    }

    fn count(&self, _everywhere: bool) -> Answer<Counts> {
        let counts = {
            let state = self.connection.state.lock().unwrap();
            let of = |kind: Kind| state.subscribed.iter().filter(|(other, _)| *other == kind).count();
            Counts { channels: of(Kind::Channel), patterns: of(Kind::Pattern), shards: of(Kind::Shard) }
        };
        self.ask(Stray::Counts(counts), |answer| match answer {
            Stray::Counts(counts) => Ok(counts),
            Stray::Refused => Err(refused()),
            Stray::Echo(_) => Err(Error::new(ErrorKind::Server, "that is not an answer to CLIENT INFO")),
        })
    }

    fn echo(&self, nonce: u64) -> Answer<bool> {
        self.ask(Stray::Echo(nonce), |answer| match answer {
            Stray::Echo(answer) => Ok(answer == nonce),
            Stray::Refused => Err(refused()),
            Stray::Counts(_) => Ok(false),
        })
    }

    async fn receive(&mut self, hand_out: &mut (dyn FnMut(Incoming<'_>) + Send)) {
        loop {
            let news = self.connection.news.notified();
            let (arrived, closed) = {
                let mut state = self.connection.state.lock().unwrap();
                (std::mem::take(&mut state.arrived), state.closed)
            };
            if arrived.is_empty() && closed {
                return hand_out(Incoming::Closed(Error::disconnected()));
            }
            for arrived in &arrived {
                hand_out(match arrived {
                    Arrived::Message(kind, channel, payload) => {
                        Incoming::Message { kind: *kind, channel, payload }
                    }
                    Arrived::Lagged(messages) => Incoming::Lagged(*messages),
                    Arrived::TopologyChanged => Incoming::TopologyChanged,
                });
            }
            if !arrived.is_empty() {
                return;
            }
            news.await;
        }
    }
}

pub(crate) struct ScriptedPublisher {
    server: Scripted,
    connection: Arc<Connection>,
}

impl PublisherConnection for ScriptedPublisher {
    fn publish(&self, channel: String, envelope: Bytes) -> Answer<Option<u64>> {
        if self.server.script().hangs {
            return Box::pin(async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Err(Error::new(ErrorKind::Timeout, "no answer"))
            });
        }
        let receivers = self.server.publish(&channel, &envelope);
        Box::pin(ready(Ok(Some(receivers))))
    }

    fn echo(&self, _nonce: u64) -> Answer<bool> {
        if self.server.script().hangs { Box::pin(pending()) } else { Box::pin(ready(Ok(true))) }
    }

    fn closed(&mut self) -> impl Future<Output = Error> + Send {
        let connection = self.connection.clone();
        async move {
            loop {
                let news = connection.news.notified();
                if connection.state.lock().unwrap().closed {
                    return Error::disconnected();
                }
                news.await;
            }
        }
    }
}
