//! The manual: chapters to read, with no items of their own.
//!
//! - [`generators`]: how each thing that Python's generators do is written here, rule by rule.
//! - [`porting`]: Python's names beside those of this crate, asyncio's above all, and programs side by side.
//! - [`cancellation`]: how a task is ended, what may catch that, and why it is an unwind.
//! - [`choosing`]: where work runs, on this thread, on any worker, on one where it may block, and how to choose.
//! - [`futures`]: how async crates are called from here, and tasks and channels from there.
//! - [`architecture`]: what the crate is made of, and the way of a value through it.
//! - [`soundness`]: why safe code cannot break memory with this crate, rule by rule.
//! - [`performance`]: where each nanosecond of a switch and each byte of a task goes, and what was tried.
//! - [`performance_io`]: the same of a request that comes over a socket.
//! - [`rationale`]: what else could have been done, and why it was not.

pub mod architecture;
pub mod cancellation;
pub mod choosing;
pub mod futures;
pub mod generators;
pub mod performance;
pub mod performance_io;
pub mod porting;
pub mod rationale;
pub mod soundness;

/// Runs the examples of the front page as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod front_page {}
