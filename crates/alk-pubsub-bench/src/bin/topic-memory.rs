//! What topics cost in memory, by an allocator that counts. A program of its own, since counting takes time.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> anyhow::Result<()> {
    alk_pubsub_bench::print_memory(ALLOCATOR)
}
