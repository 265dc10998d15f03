//! Sleeping and deadlines, under the clock of the run: the system's, or a virtual one.

mod sleep;
mod timeout;

pub use sleep::{After, after, now, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, TimeoutOver, timeout, timeout_at, timeout_with};
