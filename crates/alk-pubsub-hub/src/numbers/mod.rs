//! What the hub says of itself: to programs, to Prometheus, to load balancers.

mod metrics;
mod probes;
mod snapshot;

pub(crate) use self::metrics::{Metrics, metrics};
pub(crate) use probes::{healthz, readyz};
pub(crate) use snapshot::stats;
