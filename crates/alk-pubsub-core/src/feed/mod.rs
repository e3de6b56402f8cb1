//! Many interests of one consumer, each event once.

mod backlog;
mod change;
mod copies;
#[cfg(test)]
mod copies_model;
mod feed;
mod member;
#[cfg(test)]
mod tests;

pub use feed::{EventFilter, Feed, FeedItem};
