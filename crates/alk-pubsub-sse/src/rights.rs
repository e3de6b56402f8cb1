//! What a stream may still be sent.

use std::sync::Arc;
use std::task::{Context, Poll};

use alk_pubsub_core::{Error, Feed, Interest};
use alk_pubsub_link::{Authorizer, ConnectionInfo, Control, Denied, Due, ErrorCode, Expiry};

use crate::framing;
use crate::listed::{Listed, Order};
use crate::pieces::Pieces;

const UNSUBSCRIBED: &str = "the hub has unsubscribed it";

pub(crate) struct Rights {
    listed: Listed,
    authorizer: Arc<dyn Authorizer>,
    expiry: Expiry,
}

impl Rights {
    pub(crate) fn new(listed: Listed, authorizer: Arc<dyn Authorizer>) -> Self {
        let expiry = Expiry::of(&listed.handle.info.identity());
        Self { listed, authorizer, expiry }
    }

    /// Carries out what changes rights, and says why the stream is to end, if it is. The task is woken for more.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        feed: &mut Feed,
        pieces: &mut Pieces,
    ) -> Option<&'static str> {
        self.listed.handle.task.register(cx.waker());
        for order in self.listed.handle.take_orders() {
            let info = &self.listed.handle.info;
            match order {
                Order::Disconnect => return Some("disconnected"),
                Order::AskAgain => {
                    end(feed, pieces, |interest| self.authorizer.may_subscribe(info, interest).err());
                }
                Order::Unsubscribe(which) => {
                    end(feed, pieces, |interest| which(info, interest).then(|| Denied::new(UNSUBSCRIBED)));
                }
            }
        }
        match self.expiry.poll(cx) {
            Poll::Ready(Due::Over) => return Some("expired"),
            Poll::Ready(Due::Soon(left)) => {
                let in_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                pieces.push(framing::control(&Control::Expiring { in_ms }));
            }
            Poll::Pending => {}
        }
        feed.is_empty().then_some("no_topics")
    }
}

/// Ends the topics that are denied.
fn end(feed: &mut Feed, pieces: &mut Pieces, denied: impl Fn(&Interest) -> Option<Denied>) {
    let those: Vec<_> =
        feed.interests().filter_map(|interest| Some((interest.clone(), denied(interest)?))).collect();
    for (interest, denied) in those {
        ended(feed, pieces, &interest, denied.code(), denied.reason());
    }
}

/// Ends a topic that the upstream does not bring any more.
pub(crate) fn taken_away(feed: &mut Feed, pieces: &mut Pieces, interest: &Interest, error: &Error) {
    ended(feed, pieces, interest, ErrorCode::from(error), &error.to_string());
}

fn ended(feed: &mut Feed, pieces: &mut Pieces, interest: &Interest, code: ErrorCode, message: &str) {
    feed.remove(interest);
    pieces.push(framing::control(&Control::Error {
        reference: String::new(),
        code: code.as_str().to_owned(),
        message: message.to_owned(),
        topic: Some(interest.to_string()),
    }));
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
