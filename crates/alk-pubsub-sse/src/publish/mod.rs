//! `POST /events`.

mod answer;
mod builder;
mod handler;
mod lines;
mod rate;
mod receive;
mod stats;

pub use builder::PublishBuilder;
pub use handler::{PublishHandler, publish};
pub use rate::PublishRate;
pub use stats::PublishStats;
