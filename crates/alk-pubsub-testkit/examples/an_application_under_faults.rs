//! A small application, tested under a schedule of faults that a seed repeats.
//!
//! ```sh
//! cargo run -p alk-pubsub-testkit --example an_application_under_faults        # seeds 1 to 20
//! cargo run -p alk-pubsub-testkit --example an_application_under_faults -- 17  # this one
//! ```
//!
//! A warehouse knows how many pieces it has of each article, says so when that changes, and can be asked. A shop shows what is in
//! stock: it listens, and asks for all of it at the beginning and after each gap. Whatever was lost on the way, in the end the shop has
//! to show what the warehouse has.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub_core::{Delivery, Error, EventTarget, InProcessEventTarget, PubSub, event_map};
use alk_pubsub_testkit::{EventFaultCounts, EventFaults, FaultTarget, Random};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

event_map! {
    struct WarehouseEvents {
        /// There are more or fewer pieces of an article than before; the id is the article's name.
        StockChanged("stock.changed") => Stock,
    }
}

/// What there is of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stock {
    pieces: u64,
    /// Counts the changes of this article.
    version: u64,
}

type Inventory = BTreeMap<String, Stock>;

/// What the shop is tested with.
struct Warehouse {
    inventory: Mutex<Inventory>,
    pubsub: PubSub<WarehouseEvents>,
}

impl Warehouse {
    fn inventory(&self) -> Inventory {
        self.inventory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn change(&self, article: String, pieces: u64) -> Result<(), Error> {
        let stock = {
            let mut inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
            let stock = inventory.entry(article.clone()).or_insert(Stock { pieces, version: 0 });
            *stock = Stock { pieces, version: stock.version + 1 };
            *stock
        };
        self.pubsub.publish(StockChanged, &article, stock).await.map(drop)
    }
}

/// What a shop does that its author may have forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Asks the warehouse when events are missing.
    pub(crate) asks_after_a_gap: bool,
    /// Does not take an older version for a newer one.
    pub(crate) compares_versions: bool,
}

/// The application under test. Shows what is in stock for as long as the events come.
async fn shop(
    pubsub: PubSub<WarehouseEvents>,
    warehouse: Arc<Warehouse>,
    habits: Habits,
    shown: watch::Sender<Inventory>,
) -> Result<(), Error> {
    // First listen, then ask: what changes in between is an event.
    let mut changes = pubsub.subscribe(StockChanged).await?.with_gaps();
    shown.send_replace(warehouse.inventory());
    while let Some(delivery) = changes.recv().await {
        match delivery {
            Delivery::Event(event) => {
                let stock = *event.payload();
                shown.send_if_modified(|shown| {
                    let known = shown.get(event.id()).map_or(0, |known| known.version);
                    let is_newer = !habits.compares_versions || stock.version > known;
                    if is_newer {
                        shown.insert(event.id().to_owned(), stock);
                    }
                    is_newer
                });
            }
            Delivery::Gap(_) if habits.asks_after_a_gap => _ = shown.send_replace(warehouse.inventory()),
            Delivery::Gap(_) => {}
        }
    }
    Ok(())
}

/// Whether the shop shows the truth in the end, and which faults there were. The same seed, the same faults.
pub(crate) async fn run(
    seed: u64,
    faults: EventFaults,
    habits: Habits,
) -> Result<EventFaultCounts, Box<dyn std::error::Error>> {
    let transport = InProcessEventTarget::in_process();
    let faulty = FaultTarget::new(transport.clone(), faults);
    let warehouse = Arc::new(Warehouse { inventory: Mutex::default(), pubsub: PubSub::new(transport) });
    let (shown, mut shows) = watch::channel(Inventory::new());
    let open = tokio::spawn(shop(PubSub::new(faulty.clone()), warehouse.clone(), habits, shown));

    let mut random = Random::seeded(seed);
    for _ in 0..500 {
        warehouse.change(format!("article-{}", random.below(10)), random.below(100)).await?;
        match random.below(100) {
            0 => faulty.disconnect(),
            1..10 => faulty.reconnect(),
            10..30 => tokio::time::sleep(Duration::from_micros(random.below(3000))).await,
            _ => tokio::task::yield_now().await,
        }
    }

    // Nothing goes wrong any more, and what is still on its way comes.
    faulty.heal();
    let truth = warehouse.inventory();
    let patience = Duration::from_secs(10);
    if tokio::time::timeout(patience, shows.wait_for(|shown| *shown == truth)).await.is_err() {
        let shown = shows.borrow().clone();
        return Err(format!("seed {seed}: the shop shows {shown:?}, and there is {truth:?}").into());
    }
    faulty.close().await?;
    open.await??;
    Ok(faulty.faults())
}

/// What networks and hubs do: all of it keeps the promises.
pub(crate) fn usual_faults(seed: u64) -> EventFaults {
    EventFaults::seeded(seed).drops(30).delays(20, Duration::from_millis(2))
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user by printing")]
async fn main() -> ExitCode {
    let seeds = match std::env::args().nth(1).map(|seed| seed.parse()) {
        None => 1..=20,
        Some(Ok(seed)) => seed..=seed,
        Some(Err(error)) => {
            eprintln!("not a seed: {error}");
            return ExitCode::FAILURE;
        }
    };
    for seed in seeds {
        let habits = Habits { asks_after_a_gap: true, compares_versions: true };
        match run(seed, usual_faults(seed), habits).await {
            Ok(faults) => println!("seed {seed}: the shop shows what there is, after {faults:?}"),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
