//! Workers: threads and child processes that share events with their host.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use alk_pubsub::{Dynamic, PubSub, worker};
//!
//! let (host, indexer) = worker::spawn("indexer", |target: worker::WorkerThreadEventTarget| async move {
//!     let pubsub = PubSub::<Dynamic>::new(target.clone());
//!     let mut pages = pubsub.subscribe("page").await?;
//!     target.ready();
//!     while let Some(page) = pages.recv().await {
//!         pubsub.publish("indexed", page.id(), ().into()).await?;
//!     }
//!     Ok::<(), alk_pubsub::Error>(())
//! })?;
//!
//! let host = PubSub::<Dynamic>::new(host);
//! let mut indexed = host.subscribe("indexed").await?;
//! indexer.ready().await.expect("it did not end");
//! host.publish("page", "a", "some text".into()).await?;
//! assert_eq!(indexed.recv().await.expect("open").id(), "a");
//! assert!(indexer.close().await.is_success());
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

pub use alk_pubsub_worker::{
    Error, ErrorKind, IntoOutcome, Outcome, Supervisor, Worker, WorkerHost, WorkerHostEventTarget,
    WorkerProcessEventTarget, WorkerThreadEventTarget, from_parent, process, spawn,
};
