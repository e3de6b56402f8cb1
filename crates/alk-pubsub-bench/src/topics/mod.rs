//! B: many topics with few subscribers each, published to by type and id, beside the map that one would write by hand.

mod churn;
mod measure;
mod memory;
mod publishing;
mod registry;

pub(crate) use measure::{growth, measure};
pub use memory::print_memory;
