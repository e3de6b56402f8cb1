use std::sync::atomic::AtomicU64;

use alk_pubsub_core::{Framing, LatencySample};
use bytes::Bytes;

use crate::close_code::CloseCode;
use crate::frame::Wire;

/// How frames stand on a pipe: what a pipe puts around each.
pub trait LinkFraming: Framing {
    /// The encoding of the frames.
    fn wire(&self) -> Wire;

    /// Appends a frame, given its encoding, as it stands on the pipe.
    fn wrap(&self, frame: &[u8], out: &mut Vec<u8>);
}

/// Where a session leaves what is to be sent.
pub trait Outbox {
    /// Frames as they stand on the pipe, to be written behind what was left here before.
    fn write(&mut self, frames: Bytes);

    /// An event in what was written last is timed: [`written`](LatencySample::written) is to be called when it was sent. The
    /// provided method does not.
    fn timed(&mut self, sample: LatencySample) {
        let _ = sample;
    }

    /// The pipe is to be closed when everything was written. Nothing follows.
    fn close(&mut self, code: CloseCode, reason: &'static str);
}

/// Counters that the sessions of a hub share.
#[derive(Debug, Default)]
pub struct SessionStats {
    /// Frames received.
    pub frames_in: AtomicU64,
    /// Events sent.
    pub events_out: AtomicU64,
    /// Events received for publishing.
    pub published: AtomicU64,
    /// Events that connections missed.
    pub missed: AtomicU64,
    /// Gaps that connections were told of.
    pub gaps: AtomicU64,
    /// Refusals by [`ErrorCode`](crate::ErrorCode), in the order of [`ErrorCode::ALL`](crate::ErrorCode::ALL).
    pub refused: [AtomicU64; 9],
}
