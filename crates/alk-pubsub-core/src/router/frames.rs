//! Encoded frames, made once for each piece of a log and shared by all connections that send it.

use std::sync::OnceLock;

use bytes::Bytes;

use super::chunk::{Chunk, Entry};
use crate::codec::Encoding;
use crate::event::Event;
use crate::latency::LatencySample;
use crate::sync::Mutex;

/// How events are put on a wire: an [`Encoding`] and what stands around each envelope.
///
/// Frames of events that follow each other are made once, behind each other in one piece of memory, and every
/// connection writes that same piece.
pub trait Framing: Send + Sync + 'static {
    /// A name, unique in the process: frames are cached under it.
    fn name(&self) -> &'static str;

    /// The encoding of the envelopes.
    fn encoding(&self) -> &Encoding;

    /// Appends the frame of one event.
    fn frame(&self, event: &Event, envelope: &[u8], out: &mut Vec<u8>);
}

#[derive(Default)]
pub(super) struct FrameCache {
    segments: Mutex<Vec<(&'static str, Vec<Segment>)>>,
    /// The one event of the chunk that is timed, and its position.
    timed: OnceLock<(u64, LatencySample)>,
}

/// The frames of some entries of a chunk behind each other.
struct Segment {
    /// The position of the first entry.
    start: u64,
    bytes: Bytes,
    /// Where the frame of each entry ends.
    ends: Box<[u32]>,
}

/// Frames of consecutive events.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    pub(crate) bytes: Bytes,
    pub(crate) events: u64,
    /// Where one of the events is timed.
    pub(crate) timed: Option<LatencySample>,
}

impl Segment {
    /// The part from one position up to another.
    fn part(&self, from: u64, to: u64) -> Frames {
        let index = |position: u64| (position - self.start) as usize;
        let to = to.min(self.start + self.ends.len() as u64);
        let offset = |index: usize| if index == 0 { 0 } else { self.ends[index - 1] as usize };
        let bytes = self.bytes.slice(offset(index(from))..offset(index(to)));
        Frames { bytes, events: to - from, timed: None }
    }
}

impl Chunk {
    /// The frames of events from `from` on, at most up to `to`; all in this chunk and written.
    ///
    /// Ends early where a cached piece ends, before a gap, and before an event that cannot be encoded: `None` if that is
    /// the first.
    pub(super) fn frames(&self, framing: &dyn Framing, from: u64, to: u64) -> Option<Frames> {
        let cache = self.frames.get_or_init(Box::default);
        let mut frames = self.cached_frames(cache, framing, from, to)?;
        if let Some((position, sample)) = cache.timed.get()
            && (from..from + frames.events).contains(position)
        {
            frames.timed = Some(sample.clone());
        }
        Some(frames)
    }

    /// Has the event at this position timed, unless another one of the chunk is.
    pub(super) fn time(&self, position: u64, sample: &LatencySample) {
        let cache = self.frames.get_or_init(Box::default);
        // Of two the first stays.
        let _ = cache.timed.set((position, sample.clone()));
    }

    fn cached_frames(&self, cache: &FrameCache, framing: &dyn Framing, from: u64, to: u64) -> Option<Frames> {
        let mut to = to;
        {
            let cached = cache.segments.lock();
            if let Some((_, segments)) = cached.iter().find(|(name, _)| *name == framing.name()) {
                let next = segments.partition_point(|segment| segment.start <= from);
                if let Some(segment) = next.checked_sub(1).map(|last| &segments[last])
                    && from < segment.start + segment.ends.len() as u64
                {
                    return Some(segment.part(from, to));
                }
                if let Some(segment) = segments.get(next) {
                    to = to.min(segment.start);
                }
            }
        }
        // Encoding runs foreign code, so it is done without the lock. Two connections may do it at the same time.
        let segment = self.encode(framing, from, to)?;
        let frames = segment.part(from, to);
        let mut cached = cache.segments.lock();
        let at = cached.iter().position(|(name, _)| *name == framing.name()).unwrap_or_else(|| {
            cached.push((framing.name(), Vec::new()));
            cached.len() - 1
        });
        let segments = &mut cached[at].1;
        let next = segments.partition_point(|other| other.start < segment.start);
        let free = next
            .checked_sub(1)
            .is_none_or(|last| segments[last].start + segments[last].ends.len() as u64 <= segment.start)
            && segments
                .get(next)
                .is_none_or(|other| other.start >= segment.start + segment.ends.len() as u64);
        if free {
            segments.insert(next, segment);
        }
        Some(frames)
    }

    fn encode(&self, framing: &dyn Framing, from: u64, to: u64) -> Option<Segment> {
        let (mut bytes, mut ends, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        for position in from..to {
            let Some(Entry::Event(event)) = self.get(position) else { break };
            let Ok(envelope) = event.encoded(framing.encoding(), &mut scratch) else { break };
            if bytes.is_empty() {
                bytes.reserve((envelope.len() + 16) * (to - from) as usize);
            }
            framing.frame(event, envelope, &mut bytes);
            let Ok(end) = u32::try_from(bytes.len()) else { break };
            ends.push(end);
        }
        if let Some(last) = ends.last() {
            bytes.truncate(*last as usize);
        }
        bytes.shrink_to_fit();
        (!ends.is_empty()).then(|| Segment { start: from, bytes: bytes.into(), ends: ends.into() })
    }
}
