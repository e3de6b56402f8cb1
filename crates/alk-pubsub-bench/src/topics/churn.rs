use std::time::Instant;

use super::registry::{Name, Registry};

/// Subscribes to a topic that nobody else has and leaves it again, as who waits for one reply does; so often a second.
/// As many other topics stay all the while.
pub(super) async fn subscribes_per_second<R: Registry>(others: usize, times: usize) -> f64 {
    let registry = R::new();
    let names = Name::all(others + times);
    let (stay, come_and_go) = names.split_at(others);
    let mut staying = Vec::new();
    for name in stay {
        staying.push(registry.subscribe(name).await);
    }
    let start = Instant::now();
    for name in come_and_go {
        let receiver = registry.subscribe(name).await;
        registry.unsubscribe(name, receiver);
    }
    times as f64 / start.elapsed().as_secs_f64()
}
