//! One event again and again, on one path, for `cargo xtask instructions` to count what the processor does.

fn main() -> anyhow::Result<()> {
    alk_pubsub_bench::run_single_event()
}
