//! Redis as an upstream.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alk_pubsub_core::{
    Encoding, Error, ErrorKind, Event, Interest, Interests, Published, Receivers, StateWatch, TargetFuture,
    Upstream,
};
use bytes::Bytes;

use crate::channels::Channels;
use crate::error;
use crate::outbox::{Outbox, Reply};
use crate::status::Status;
use crate::threads::{Stopper, Threads};

/// What a [`RedisEventTarget`](crate::RedisEventTarget) is made of beside its router. Dropping it ends its threads and
/// connections.
pub struct RedisUpstream {
    pub(crate) channels: Channels,
    pub(crate) encoding: Encoding,
    pub(crate) outbox: Outbox,
    pub(crate) interests: Interests,
    /// Whether somebody listens to everything; that has a connection of its own.
    pub(crate) everything: Interests,
    pub(crate) sharded: bool,
    pub(crate) status: Status,
    pub(crate) refused: Arc<AtomicU64>,
    pub(crate) max_envelope_bytes: usize,
    pub(crate) close_timeout: Duration,
    pub(crate) threads: Threads,
}

impl RedisUpstream {
    /// Messages that were refused so far: what arrived was no envelope, or not one of its channel's topic.
    #[must_use]
    pub fn refused_messages(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn table(&self, interest: &Interest) -> Result<&Interests, Error> {
        match interest {
            Interest::Topic(_) => Ok(&self.interests),
            _ if self.sharded => Err(Error::new(
                ErrorKind::Unsupported,
                "sharded channels have no patterns: subscribe to topics",
            )),
            Interest::Type(_) => Ok(&self.interests),
            Interest::Everything => Ok(&self.everything),
        }
    }

    fn encode(&self, event: &Event) -> Result<(String, Bytes), Error> {
        let envelope = event.encode(&self.encoding)?;
        if envelope.len() > self.max_envelope_bytes {
            let message =
                format!("the envelope has {} bytes, {} are allowed", envelope.len(), self.max_envelope_bytes);
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok((self.channels.channel(event.topic()), envelope))
    }
}

impl Upstream for RedisUpstream {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        let place =
            self.encode(&event).and_then(|(channel, envelope)| Ok(self.outbox.publish(channel, envelope)?));
        match place {
            Err(error) => TargetFuture::ready(Err(error)),
            Ok(place) => {
                let (topic, channels) = (event.topic().clone(), self.channels.clone());
                TargetFuture::boxed(async move {
                    published(place.answer().await).map_err(|error| match error.kind() {
                        ErrorKind::Denied => {
                            let channel = channels.channel(&topic);
                            Error::with_source(
                                ErrorKind::Denied,
                                format!("Redis refuses a publish on `{channel}`"),
                                error,
                            )
                        }
                        _ => error,
                    })
                })
            }
        }
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        let (channel, envelope) = self.encode(&event)?;
        match self.outbox.try_publish(channel, envelope)? {
            Some(()) => Ok(Published { receivers: Receivers::Unknown }),
            None => Err(Error::new(ErrorKind::WouldBlock, "as many events are on their way as may be")),
        }
    }

    fn delivers_copies(&self) -> bool {
        true
    }

    fn interest_added(&self, interest: &Interest) {
        if let Ok(interests) = self.table(interest) {
            interests.interest_added(interest);
        }
    }

    fn interest_removed(&self, interest: &Interest) {
        if let Ok(interests) = self.table(interest) {
            interests.interest_removed(interest);
        }
    }

    fn confirmed(&self, interest: &Interest) -> TargetFuture<Result<(), Error>> {
        match self.table(interest) {
            Ok(interests) => interests.confirmed(interest),
            Err(error) => TargetFuture::ready(Err(error)),
        }
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        self.outbox.close();
        let (outbox, limit) = (self.outbox.clone(), self.close_timeout);
        let ended = self.threads.ended();
        let ending = Ending { status: self.status.clone(), stop: self.threads.stopper() };
        TargetFuture::boxed(async move {
            let flushed = tokio::time::timeout(limit, outbox.flushed()).await;
            drop(ending);
            ended.await;
            flushed.map_err(|_| {
                Error::new(ErrorKind::Timeout, format!("not all events were published within {limit:?}"))
            })
        })
    }

    fn reconnects(&self) -> u64 {
        self.status.reconnects()
    }

    fn state(&self) -> Option<StateWatch> {
        Some(self.status.watch().into())
    }
}

/// Ends threads and connections when it goes: also where nobody waits until all is flushed.
struct Ending {
    status: Status,
    stop: Stopper,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.status.close();
        self.stop.end();
    }
}

fn published(reply: Reply) -> Result<Published, Error> {
    let receivers = reply.map_err(<Error as From<error::Error>>::from)?;
    Ok(Published { receivers: receivers.map_or(Receivers::Unknown, Receivers::AtLeast) })
}

impl fmt::Debug for RedisUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisUpstream").field("channels", &self.channels).finish_non_exhaustive()
    }
}
