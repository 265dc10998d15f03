//! The manual: chapters to read, with no items of their own.
//!
//! - [`generators`]: how each thing that Python's generators do is written here, rule by rule.
//! - [`architecture`]: what the crate is made of, and the way of a value through it.
//! - [`rationale`]: what else could have been done, and why it was not.

pub mod architecture;
pub mod generators;
pub mod rationale;

/// Runs the examples of the front page as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod front_page {}
