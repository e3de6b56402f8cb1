use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::fault::{Fault, Schedule};
use crate::random::Random;

/// How many bytes are passed on at once.
const PIECE: usize = 4096;

/// What the directions of all connections have in common.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) schedule: Schedule,
    pub(super) healthy: AtomicBool,
    pub(super) counters: Counters,
}

/// How many faults there were of each kind.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) cuts: AtomicU64,
    pub(super) delays: AtomicU64,
    pub(super) halves: AtomicU64,
    pub(super) stalls: AtomicU64,
}

impl Counters {
    fn count(&self, fault: Fault) {
        let counter = match fault {
            Fault::Cut => &self.cuts,
            Fault::Delay(_) => &self.delays,
            Fault::Halve => &self.halves,
            Fault::Stall => &self.stalls,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Passes bytes on, with faults, until one end is closed or a fault ends it.
pub(super) async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut random: Random,
    faults: &Faults,
) {
    let mut piece = vec![0; PIECE];
    let (mut left, mut fault) = faults.schedule.next(&mut random);
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let mut bytes = &piece[..read];
        while !faults.healthy.load(Ordering::Acquire) && left < bytes.len() as u64 {
            let (before, after) = bytes.split_at(usize::try_from(left).unwrap_or_default());
            if to.write_all(before).await.is_err() {
                return;
            }
            bytes = after;
            faults.counters.count(fault);
            match fault {
                Fault::Cut => return,
                Fault::Halve => {
                    // It is cut off in any case.
                    drop(to.write_all(&bytes[..bytes.len().div_ceil(2)]).await);
                    return;
                }
                Fault::Stall => std::future::pending().await,
                Fault::Delay(delay) => tokio::time::sleep(delay).await,
            }
            (left, fault) = faults.schedule.next(&mut random);
        }
        left = left.saturating_sub(bytes.len() as u64);
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
