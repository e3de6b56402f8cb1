//! Items per second through `filter → map → batch`, against the same chain of `futures::StreamExt`.
//!
//! `cargo run --release --example operators_bench [items] [rounds]`. The chains take turns, round by round,
//! since only the ratio of what was measured side by side says anything on a machine that does other things
//! as well.
#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::env;
use std::future::ready;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use alk_pubsub_core::operators::{StreamPipe, batch, filter, map};
use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream;

const SIZE: usize = 100;

/// The sum of everything, so that nothing can be left out, and the number of batches.
fn drain(batches: impl Stream<Item = Vec<u64>>) -> (u64, usize) {
    let mut batches = pin!(batches);
    let mut cx = Context::from_waker(Waker::noop());
    let (mut sum, mut count) = (0u64, 0);
    while let Poll::Ready(Some(batch)) = batches.as_mut().poll_next(&mut cx) {
        sum = batch.iter().fold(sum, |sum, n| sum.wrapping_add(*n));
        count += 1;
    }
    (sum, count)
}

fn keep(n: u64) -> bool {
    !n.is_multiple_of(3)
}

fn change(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x55
}

fn ours(items: u64) -> (u64, usize) {
    let source = stream::iter(0..black_box(items));
    drain(source.pipe((filter(|n| keep(*n)), map(change), batch(SIZE, Duration::from_millis(50)))))
}

fn ready_chunks(items: u64) -> (u64, usize) {
    let source = stream::iter(0..black_box(items));
    drain(StreamExt::ready_chunks(
        StreamExt::map(StreamExt::filter(source, |n| ready(keep(*n))), change),
        SIZE,
    ))
}

fn chunks(items: u64) -> (u64, usize) {
    let source = stream::iter(0..black_box(items));
    drain(StreamExt::chunks(StreamExt::map(StreamExt::filter(source, |n| ready(keep(*n))), change), SIZE))
}

/// Million items per second: lowest, median, highest.
fn spread(mut rates: Vec<f64>) -> (f64, f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[0], rates[rates.len() / 2], rates[rates.len() - 1])
}

fn main() {
    let mut arguments = env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let items: u64 = arguments.next().unwrap_or(10_000_000);
    let rounds = arguments.next().unwrap_or(9);

    type Chain = fn(u64) -> (u64, usize);
    let chains: [(&str, Chain); 3] =
        [("operators", ours), ("futures ready_chunks", ready_chunks), ("futures chunks", chunks)];
    let sum = (0..items).filter(|n| keep(*n)).map(change).fold(0, u64::wrapping_add);
    let expected = (sum, (0..items).filter(|n| keep(*n)).count().div_ceil(SIZE));
    let mut rates = [const { Vec::new() }; 3];
    let mut ratios = [const { Vec::new() }; 3];
    for round in 0..=rounds {
        let mut took = [0.0; 3];
        for (at, (_, chain)) in chains.iter().enumerate() {
            let start = Instant::now();
            let result = chain(items);
            took[at] = start.elapsed().as_secs_f64();
            assert_eq!(result, expected);
        }
        if round == 0 {
            continue; // caches and clocks warm up
        }
        for at in 0..3 {
            rates[at].push(items as f64 / took[at] / 1e6);
            ratios[at].push(took[at] / took[0]);
        }
    }

    println!("filter → map → batch of {SIZE}, {items} items, {rounds} rounds in turn");
    for (at, (name, _)) in chains.iter().enumerate() {
        let (low, median, high) = spread(rates[at].clone());
        println!("{name:>22}: {median:7.1} M items/s (from {low:.1} to {high:.1})");
    }
    for at in 1..3 {
        let (low, median, high) = spread(ratios[at].clone());
        println!("operators / {}: {median:.2} (from {low:.2} to {high:.2})", chains[at].0);
    }
}
