use std::hint::black_box;

use alk_pubsub_link::{Frame, Wire};
use anyhow::{Result, bail};

use super::envelope::envelope;

/// A frame as a peer sends it becomes an event; its payload is not looked into.
pub(super) fn parse(events: u64) -> Result<()> {
    let frame = envelope();
    for _ in 0..events {
        match Frame::decode(Wire::Json, black_box(&frame)) {
            Ok(Frame::Event(event)) => drop(black_box(event)),
            other => bail!("an event was read as {other:?}"),
        }
    }
    Ok(())
}
