use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use alk_pubsub_core::{PubSub, event_map};
use anyhow::{Result, ensure};
use futures_util::{FutureExt, StreamExt};

use super::woken::Woken;
use crate::tick::{Check, Tick};

event_map! {
    struct Events {
        Ticked("ticked") => Tick,
    }
}

/// The subscriber waits before each event, and is woken by it.
pub(super) fn publish(events: u64) -> Result<()> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let pubsub = PubSub::<Events>::in_process();
    let subscribed = pubsub.subscribe_to(Ticked, "clock").into_future().now_or_never();
    let mut ticks = pin!(subscribed.expect("in process")?);
    let clock = pubsub.publisher(Ticked, "clock")?;
    let mut check = Check::default();
    for sequence in 0..events {
        ensure!(ticks.poll_next_unpin(&mut cx).is_pending(), "an event came that nobody published");
        clock.publish(Tick::new(sequence)).now_or_never().expect("nobody is waited for")?;
        ensure!(woken.take(), "the subscriber was not woken");
        let Poll::Ready(Some(event)) = ticks.poll_next_unpin(&mut cx) else {
            anyhow::bail!("an event was lost");
        };
        check.see(event.payload());
    }
    ensure!(check.seen() == events, "an event was lost");
    Ok(())
}
