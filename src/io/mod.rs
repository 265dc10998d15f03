//! Waiting for descriptors: the readiness of any of them, and operations on them that suspend the task.

#[cfg(feature = "futures-io")]
pub(crate) mod nonblocking;
mod watched;

pub use crate::runtime::reactor::Readiness;
#[cfg(feature = "futures-io")]
pub use nonblocking::Nonblocking;
pub use watched::Watched;

pub(crate) use watched::Action;
