//! What a stream may still be sent.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alk_pubsub_core::{Error, Feed, Interest};
use alk_pubsub_link::{Authorizer, ConnectionInfo, Control, Denied, Due, ErrorCode, Expiry};
use bytes::Bytes;
use tokio::time::Instant;

use crate::framing;
use crate::listed::{Handle, Order, Served};
use crate::pieces::Pieces;
use crate::relay::Shared;

const UNSUBSCRIBED: &str = "the hub has unsubscribed it";

pub(crate) struct Rights {
    handle: Arc<Handle>,
    expiry: Expiry,
}

impl Rights {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        let expiry = Expiry::of(&handle.info.identity());
        Self { handle, expiry }
    }

    /// Carries out what changes rights, and says why the stream is to end, if it is. The task is woken for more.
    pub(crate) fn poll(&mut self, task: &Waker, relay: &Shared, pieces: &mut Pieces) -> Option<&'static str> {
        self.handle.task.register(task);
        let mut served = self.handle.served()?;
        look(relay, &self.handle, &mut served);
        served.notices.drain(..).for_each(|notice| pieces.push(notice));
        if served.over.is_none() {
            match self.expiry.poll(&mut Context::from_waker(task)) {
                Poll::Ready(Due::Over) => over(relay, &self.handle, &mut served, "expired"),
                Poll::Ready(Due::Soon(left)) => {
                    let in_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                    pieces.push(framing::control(&Control::Expiring { in_ms }));
                }
                Poll::Pending => {}
            }
        }
        served.over
    }
}

/// Looks at what a stream was told, and at whether it is still to be there: by its own task, or, where its client does not
/// read and so nobody asks for more, by the sweep.
pub(crate) fn look(relay: &Shared, handle: &Arc<Handle>, served: &mut Served) {
    for order in handle.take_orders() {
        let info = &handle.info;
        match order {
            Order::Disconnect => return over(relay, handle, served, "disconnected"),
            Order::AskAgain => {
                end(served, |interest| relay.config.authorizer.may_subscribe(info, interest).err());
            }
            Order::Unsubscribe(which) => {
                end(served, |interest| which(info, interest).then(|| Denied::new(UNSUBSCRIBED)));
            }
        }
    }
    if served.expires.is_some_and(|end| end <= Instant::now()) {
        over(relay, handle, served, "expired");
    } else if served.feed.is_empty() {
        over(relay, handle, served, "no_topics");
    }
}

/// Nothing comes any more, and what waited goes.
pub(crate) fn over(relay: &Shared, handle: &Arc<Handle>, served: &mut Served, reason: &'static str) {
    if served.over.is_none() {
        served.over = Some(reason);
        relay.sweep.leaving(handle);
        served.feed = Feed::new();
    }
}

/// Ends the topics that are denied.
fn end(served: &mut Served, denied: impl Fn(&Interest) -> Option<Denied>) {
    let those: Vec<_> =
        served.feed.interests().filter_map(|interest| Some((interest.clone(), denied(interest)?))).collect();
    for (interest, denied) in those {
        let notice = ended(&mut served.feed, &interest, denied.code(), denied.reason());
        served.notices.push(notice);
    }
}

/// Ends a topic that the upstream does not bring any more.
pub(crate) fn taken_away(feed: &mut Feed, pieces: &mut Pieces, interest: &Interest, error: &Error) {
    pieces.push(ended(feed, interest, ErrorCode::from(error), &error.to_string()));
}

/// What the client is told of it.
fn ended(feed: &mut Feed, interest: &Interest, code: ErrorCode, message: &str) -> Bytes {
    feed.remove(interest);
    framing::control(&Control::Error {
        reference: String::new(),
        code: code.as_str().to_owned(),
        message: message.to_owned(),
        topic: Some(interest.to_string()),
    })
}

/// Asks whoever has to be asked for one topic.
pub(crate) async fn may_subscribe(
    authorizer: &dyn Authorizer,
    info: &ConnectionInfo,
    interest: &Interest,
) -> Result<(), Denied> {
    authorizer.may_subscribe(info, interest)?;
    authorizer.subscribe(info, interest).await
}
