//! Who may do what: tokens, and what they allow.

mod authorizer;
mod claims;
mod credentials;
mod fault;
mod files;
mod gate;
mod keys;
mod pattern;
mod token;

pub(crate) use authorizer::HubAuthorizer;
pub(crate) use gate::{Admin, admin, authenticated, present};
pub(crate) use keys::Keys;
pub use pattern::Pattern;
pub(crate) use token::print_token;
