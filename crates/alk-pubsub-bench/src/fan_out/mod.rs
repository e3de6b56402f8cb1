//! A: one publisher, S subscribers of one topic, everybody receives everything, at most 1024 events wait.

mod measure;
mod ours;
mod peers;
mod timing;

pub(crate) use measure::{growth, measure};
