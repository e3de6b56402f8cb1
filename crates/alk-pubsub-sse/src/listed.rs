//! The open streams of a relay, and what they are told from outside.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use alk_pubsub_core::{Feed, Interest};
use alk_pubsub_link::{ConnectionInfo, Identity};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::request::Parts;
use tokio::time::Instant;

use crate::hang_up::HangUp;
use crate::sweep::lock;

/// Which interests of which connections.
pub(crate) type Which = dyn Fn(&ConnectionInfo, &Interest) -> bool + Send + Sync;

/// What a stream is told.
#[derive(Clone)]
pub(crate) enum Order {
    /// Ask the authorizer again about all topics.
    AskAgain,
    /// End these topics.
    Unsubscribe(Arc<Which>),
    /// End.
    Disconnect,
}

/// A stream, as its relay knows it.
pub(crate) struct Handle {
    pub(crate) info: ConnectionInfo,
    orders: Mutex<Vec<Order>>,
    pub(crate) task: AtomicWaker,
    /// Nothing yet while it is being opened.
    served: OnceLock<Mutex<Served>>,
    pub(crate) hang_up: Option<HangUp>,
}

/// What a stream is served from, and what has become of it.
pub(crate) struct Served {
    pub(crate) feed: Feed,
    /// What the client is to be told next.
    pub(crate) notices: Vec<Bytes>,
    /// When its identity expires.
    pub(crate) expires: Option<Instant>,
    /// Why nothing comes any more.
    pub(crate) over: Option<&'static str>,
}

impl Handle {
    /// What it was told since it was last asked for.
    pub(crate) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut *lock(&self.orders))
    }

    /// From here on it is served.
    pub(crate) fn serve(&self, feed: Feed) {
        let expires = self.info.identity().expires();
        let served = Served { feed, notices: Vec::new(), expires, over: None };
        // Nobody else does it: a stream is opened once.
        let _ = self.served.set(Mutex::new(served));
    }

    /// `None` while it is being opened.
    pub(crate) fn served(&self) -> Option<MutexGuard<'_, Served>> {
        self.served.get().map(lock)
    }
}

#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
}

impl Streams {
    /// Lists a stream that is about to be opened, until what is returned is dropped.
    pub(crate) fn list(self: &Arc<Self>, info: ConnectionInfo, hang_up: Option<HangUp>) -> Listed {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = Arc::new(Handle {
            info,
            orders: Mutex::default(),
            task: AtomicWaker::new(),
            served: OnceLock::new(),
            hang_up,
        });
        lock(&self.open).insert(key, handle.clone());
        Listed { streams: self.clone(), key, handle }
    }

    /// All of them; and calls this, before another one can be listed, if there are none.
    pub(crate) fn all_or(&self, none: impl FnOnce()) -> Vec<Arc<Handle>> {
        let mut open = lock(&self.open);
        if open.is_empty() {
            open.shrink_to_fit();
            none();
        }
        open.values().cloned().collect()
    }

    /// Has all of them look around.
    pub(crate) fn wake(&self) {
        // Wake-ups run without the lock.
        self.all_or(|| {}).iter().for_each(|handle| handle.task.wake());
    }

    /// Gives an order to these streams; to how many.
    pub(crate) fn order(&self, which: impl Fn(&ConnectionInfo) -> bool, order: &Order) -> usize {
        // Foreign code and wake-ups run without the lock.
        let open: Vec<Arc<Handle>> = lock(&self.open).values().cloned().collect();
        let told = open.iter().filter(|handle| which(&handle.info));
        told.map(|handle| {
            lock(&handle.orders).push(order.clone());
            handle.task.wake();
        })
        .count()
    }
}

/// A stream in the list.
pub(crate) struct Listed {
    streams: Arc<Streams>,
    key: u64,
    pub(crate) handle: Arc<Handle>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = lock(&self.streams.open).remove(&self.key);
        drop(gone);
    }
}

/// Where a request comes from and who sends it, as layers in front of the handler have said.
pub(crate) fn info(request: &Parts, id: impl Into<String>) -> ConnectionInfo {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let identity = request.extensions.get::<Identity>().cloned().unwrap_or_default();
    ConnectionInfo::with_identity(id, peer, identity)
}
