//! Sleeping and deadlines, under the clock of the run: the system's, or a virtual one.

mod sleep;

pub use crate::task::timeout::{Elapsed, Timeout, TimeoutOver, timeout, timeout_at, timeout_with};
pub use sleep::{After, after, now, sleep, sleep_until};
