//! The open streams of a relay, and what they are told from outside.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use alk_pubsub_core::Interest;
use alk_pubsub_link::{ConnectionInfo, Identity};
use axum::extract::ConnectInfo;
use futures_util::task::AtomicWaker;
use http::request::Parts;

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
}

impl Handle {
    /// What it was told since it last asked.
    pub(crate) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut *lock(&self.orders))
    }
}

#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<u64, Arc<Handle>>>,
    next: AtomicU64,
}

impl Streams {
    /// Lists a stream until what is returned is dropped.
    pub(crate) fn list(self: &Arc<Self>, info: ConnectionInfo) -> Listed {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = Arc::new(Handle { info, orders: Mutex::default(), task: AtomicWaker::new() });
        lock(&self.open).insert(key, handle.clone());
        Listed { streams: self.clone(), key, handle }
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
