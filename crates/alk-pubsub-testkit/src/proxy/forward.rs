use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::fault::{Fault, Schedule};
use crate::random::Random;

/// How many bytes are passed on at once.
const PIECE: usize = 4096;

/// How often in a second a direction that is throttled passes something on.
const TURNS: u64 = 100;

/// What the directions of all connections have in common.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) schedule: Schedule,
    pub(super) healthy: AtomicBool,
    /// Bytes a second, 0 for as many as there are.
    pub(super) throttle: AtomicU64,
    pub(super) counters: Counters,
}

/// How many faults there were of each kind.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) cuts: AtomicU64,
    pub(super) delays: AtomicU64,
    pub(super) halves: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) throttles: AtomicU64,
    pub(super) garbles: AtomicU64,
}

impl Counters {
    fn count(&self, fault: Fault) {
        let counter = match fault {
            Fault::Cut => &self.cuts,
            Fault::Delay(_) => &self.delays,
            Fault::Halve => &self.halves,
            Fault::Stall => &self.stalls,
            Fault::Throttle(_) => &self.throttles,
            Fault::Garble => &self.garbles,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a direction of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Who sends has said that nothing follows, and who receives has been told. The other direction may go on.
    InOrder,
    /// By a fault, or since one of both is gone.
    Broken,
}

/// Passes bytes on, with faults, until there are no more or a fault ends it.
pub(super) async fn forward(
    mut from: OwnedReadHalf,
    to: OwnedWriteHalf,
    mut random: Random,
    faults: &Faults,
) -> Ended {
    let mut to = Outlet { to, faults, throttle: 0 };
    let mut piece = vec![0; PIECE];
    let (mut left, mut fault) = faults.schedule.next(&mut random);
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) if to.to.shutdown().await.is_ok() => return Ended::InOrder,
            Ok(0) | Err(_) => return Ended::Broken,
            Ok(read) => read,
        };
        let mut bytes = &mut piece[..read];
        while !faults.healthy.load(Ordering::Acquire) && left < bytes.len() as u64 {
            let (before, after) = bytes.split_at_mut(usize::try_from(left).unwrap_or_default());
            if to.write(before).await.is_err() {
                return Ended::Broken;
            }
            bytes = after;
            faults.counters.count(fault);
            to.throttle = 0;
            match fault {
                Fault::Cut => return Ended::Broken,
                Fault::Halve => {
                    // It is cut off in any case.
                    drop(to.write(&bytes[..bytes.len().div_ceil(2)]).await);
                    return Ended::Broken;
                }
                Fault::Stall => std::future::pending().await,
                Fault::Delay(delay) => tokio::time::sleep(delay).await,
                Fault::Throttle(rate) => to.throttle = rate,
                Fault::Garble => {
                    if let Some(byte) = bytes.first_mut() {
                        *byte ^= u8::try_from(1 + random.below(255)).unwrap_or(1);
                    }
                }
            }
            (left, fault) = faults.schedule.next(&mut random);
        }
        left = left.saturating_sub(bytes.len() as u64);
        if to.write(bytes).await.is_err() {
            return Ended::Broken;
        }
    }
}

/// Where the bytes go, as fast as they may.
struct Outlet<'a> {
    to: OwnedWriteHalf,
    faults: &'a Faults,
    /// By the schedule, as [`Faults::throttle`].
    throttle: u64,
}

impl Outlet<'_> {
    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let throttles = [self.throttle, self.faults.throttle.load(Ordering::Relaxed)];
            let Some(rate) = throttles.into_iter().filter(|rate| *rate > 0).min() else {
                return self.to.write_all(bytes).await;
            };
            let turn = usize::try_from((rate / TURNS).max(1)).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(turn);
            tokio::time::sleep(Duration::from_secs(turn as u64) / u32::try_from(rate).unwrap_or(u32::MAX))
                .await;
            self.to.write_all(now).await?;
            bytes = later;
        }
        Ok(())
    }
}
