//! What travels beside the payload: the envelope's optional member `meta`.

mod context;
mod object;
mod traceparent;

pub use context::TraceContext;
pub use object::Meta;
pub use traceparent::{NoTraceparent, Traceparent};
