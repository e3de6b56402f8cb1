//! `cargo xtask tidy`: what must hold for the workspace as a whole and no compiler looks at.
//!
//! A rule is a file here. Each says what holds, finds where it does not, and is itself tested on a made-up workspace in
//! which it must find something.

mod code_lines;
mod command;
mod doc_paths;
mod doc_types;
mod feature_trees;
mod file_length;
mod layering;
mod leftovers;
#[cfg(test)]
pub(crate) mod made_up;
mod manifests;
mod markdown;
mod one_screen;
mod rule;

pub(crate) use command::{Args, run};
