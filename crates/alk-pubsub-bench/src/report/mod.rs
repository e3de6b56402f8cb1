//! What was found, for people and for programs.

mod chart;
mod file;
mod load;
mod ratios;
mod table;

pub(crate) use file::write;
pub(crate) use load::Load;
pub(crate) use table::markdown;
