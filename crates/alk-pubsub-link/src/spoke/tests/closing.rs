//! Closing a link says so when events were lost that nobody else was told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use alk_pubsub_core::{ConnectionState, Dynamic, ErrorKind, PubSub};
use serde_json::json;

use super::support::{Script, reaches, within};
use crate::close_code::CloseCode;
use crate::error::{Error as PipeError, ErrorKind as PipeErrorKind};
use crate::frame::Wire;
use crate::pipe::{Frames, MemoryPipe, Pipe, Received};
use crate::spoke::{LinkEventTarget, Offline, SpokeOptions, connect};

const WELL: u8 = 0;
const FLUSH: u8 = 1;
const CLOSE: u8 = 2;
const END: u8 = 3;

/// A pipe that breaks at a chosen point.
struct Breaking {
    pipe: MemoryPipe,
    at: Arc<AtomicU8>,
    closed: bool,
}

impl Breaking {
    fn breaks(&self, at: u8) -> Result<(), PipeError> {
        if self.at.load(Ordering::SeqCst) == at {
            return Err(PipeError::new(PipeErrorKind::Io, "reset by peer"));
        }
        Ok(())
    }
}

impl Pipe for Breaking {
    fn wire(&self) -> Wire {
        self.pipe.wire()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, PipeError>>> {
        match self.breaks(END) {
            Err(error) if self.closed => Poll::Ready(Some(Err(error))),
            _ => self.pipe.poll_receive(cx),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>> {
        self.pipe.poll_ready(cx)
    }

    fn send(&mut self, frames: Frames) -> Result<(), PipeError> {
        self.pipe.send(frames)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>> {
        self.breaks(FLUSH)?;
        self.pipe.poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: CloseCode,
        reason: &str,
    ) -> Poll<Result<(), PipeError>> {
        self.breaks(CLOSE)?;
        self.closed = true;
        self.pipe.poll_close(cx, code, reason)
    }
}

/// A connected spoke, and where its pipe breaks.
async fn connected() -> (LinkEventTarget, Script, Arc<AtomicU8>) {
    let at = Arc::new(AtomicU8::new(WELL));
    let (target, mut hub) = Script::with(SpokeOptions::default(), {
        let at = at.clone();
        move |pipe| Breaking { pipe, at: at.clone(), closed: false }
    });
    hub.connection().await;
    hub.welcomes();
    reaches(&target, ConnectionState::Connected).await;
    (target, hub, at)
}

#[tokio::test(start_paused = true)]
async fn closing_over_a_pipe_that_breaks_is_an_error_if_events_were_on_it() {
    for point in [FLUSH, CLOSE, END] {
        let (target, _hub, at) = connected().await;
        at.store(point, Ordering::SeqCst);
        let spoke = PubSub::<Dynamic>::new(target);
        spoke.try_publish("a", "", json!(1)).expect("taken");
        let error = within("closed", spoke.close()).await.expect_err("who knows where it is");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{point}");
    }
}

#[tokio::test(start_paused = true)]
async fn closing_over_a_pipe_that_breaks_is_no_error_if_nothing_was_on_it() {
    for point in [CLOSE, END] {
        let (target, mut hub, at) = connected().await;
        let spoke = PubSub::<Dynamic>::new(target);
        let publishing = tokio::spawn({
            let spoke = spoke.clone();
            async move { spoke.publish("a", "", json!(1)).await }
        });
        let publish = hub.hears().await;
        hub.says(&json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 1}}));
        within("published", publishing).await.expect("no panic").expect("published");
        at.store(point, Ordering::SeqCst);
        within("closed", spoke.close()).await.expect("nothing was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_when_the_last_connection_was_lost_is_told_of() {
    let (target, mut hub) = Script::new(SpokeOptions::default());
    hub.connection().await;
    hub.welcomes();
    let spoke = PubSub::<Dynamic>::new(target);
    let subscribing = tokio::spawn({
        let spoke = spoke.clone();
        async move { spoke.subscribe("a").await }
    });
    hub.grants().await;
    let _subscription = within("granted", subscribing).await.expect("no panic").expect("granted");
    // A connection that has not got as far as to take events.
    hub.connection().await;
    hub.welcomes();
    assert_eq!(hub.hears().await["type"], "__subscribe");
    spoke.try_publish("a", "", json!(1)).expect("taken");
    let closing = tokio::spawn(async move { spoke.close().await });
    tokio::task::yield_now().await;
    hub.hang_up();
    let error = within("closed", closing).await.expect("no panic").expect_err("it was not sent");
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_kept_says_that_it_may_still_be_sent() {
    let absent = || async { Err::<MemoryPipe, _>(PipeError::new(PipeErrorKind::Io, "nobody is there")) };
    let target = connect(absent, SpokeOptions::default().offline(Offline::Buffer(1000)));
    let spoke = PubSub::<Dynamic>::new(target);
    let error = within("told", spoke.publish("a", "", json!(1))).await.expect_err("no hub");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("may still be sent"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_hub_that_lets_nobody_in_is_told_of() {
    let refuse = || async { Err::<MemoryPipe, _>(PipeError::new(PipeErrorKind::Refused, "go away")) };
    for events in [0, 1] {
        let target = connect(refuse, SpokeOptions::default().offline(Offline::Buffer(1000)));
        let spoke = PubSub::<Dynamic>::new(target);
        for n in 0..events {
            spoke.try_publish("a", "", json!(n)).expect("kept");
        }
        let closed = within("closed", spoke.close()).await;
        assert_eq!(
            closed.map_err(|error| error.kind()),
            match events {
                0 => Ok(()),
                _ => Err(ErrorKind::Disconnected),
            }
        );
    }
}
