//! Many interests of one consumer, each event once.

mod backlog;
mod change;
mod copies;
#[cfg(test)]
mod copies_model;
mod feed;
mod member;
mod poll;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod waking_tests;

pub use feed::{EventFilter, Feed, FeedItem};
