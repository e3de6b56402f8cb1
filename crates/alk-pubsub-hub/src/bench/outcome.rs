use std::fmt::{self, Write as _};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::progress::grouped;

/// What was seen within the time.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) seconds: f64,
    pub(super) published: u64,
    pub(super) delivered: u64,
    /// With what came after the time.
    pub(super) delivered_in_all: u64,
    /// The part of the time in which there was something to read here.
    pub(super) busy: f64,
    /// In microseconds.
    pub(super) latency: Option<Histogram<u64>>,
}

/// What went wrong since everybody was connected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) lost: u64,
    pub(super) missed: u64,
    pub(super) disordered: u64,
}

impl Counted {
    /// What the hub may not do, said in full; `None` if it did not.
    pub(super) fn complaint(self) -> Option<String> {
        let Self { lost, disordered, .. } = self;
        (lost + disordered > 0).then(|| {
            format!(
                "the hub lost {} deliveries without a gap, and {} came twice or in the wrong order",
                grouped(lost),
                grouped(disordered)
            )
        })
    }
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) timed: Timed,
    pub(super) counted: Counted,
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

/// From this on it may be this program that is measured.
const NEARLY_ALL: f64 = 0.95;

impl Outcome {
    /// Deliveries in a second.
    fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "for reading")]
        let delivered = self.timed.delivered as f64;
        delivered / self.timed.seconds
    }

    pub(super) fn json(&self) -> Value {
        let Timed { seconds, published, delivered, delivered_in_all, busy, ref latency } = self.timed;
        let Counted { lost, missed, disordered } = self.counted;
        let latency: serde_json::Map<String, Value> = latency
            .iter()
            .flat_map(|latency| {
                QUANTILES
                    .map(|(name, quantile)| (name.to_owned(), latency.value_at_quantile(quantile).into()))
            })
            .collect();
        json!({
            "state": "done",
            "seconds": seconds,
            "published": published,
            "delivered": delivered,
            "delivered_in_all": delivered_in_all,
            "deliveries_per_second": self.rate(),
            "latency_us": latency,
            "lost": lost,
            "missed_in_gaps": missed,
            "disordered": disordered,
            "generator_busy": busy,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timed { seconds, published, busy, ref latency, .. } = self.timed;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for reading")]
        let rate = self.rate() as u64;
        writeln!(
            f,
            "delivered  {} a second ({} events published in {seconds:.1} s)",
            grouped(rate),
            grouped(published)
        )?;
        if let Some(latency) = latency {
            let mut line = String::new();
            for (name, quantile) in QUANTILES {
                #[allow(clippy::cast_precision_loss, reason = "for reading")]
                let milliseconds = latency.value_at_quantile(quantile) as f64 / 1e3;
                let _ = write!(line, "{name} {milliseconds:.2} ms  ");
            }
            writeln!(f, "late by    {}", line.trim_end())?;
        }
        if self.counted.missed > 0 {
            writeln!(f, "left out   {}, in gaps that the hub told of", grouped(self.counted.missed))?;
        }
        if busy > NEARLY_ALL {
            writeln!(
                f,
                "This program was busy for {:.0} % of the time: the hub may be faster than this.",
                busy * 100.0
            )?;
        }
        Ok(())
    }
}
