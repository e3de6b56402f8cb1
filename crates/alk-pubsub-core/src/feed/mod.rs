//! Many interests of one consumer, each event once.

mod feed;
mod member;
#[cfg(test)]
mod tests;

pub use feed::{Feed, FeedItem};
