//! Waiting for descriptors: the readiness of any of them, and operations on them that suspend the task.

mod watched;

pub use crate::runtime::reactor::Readiness;
pub use watched::Watched;

pub(crate) use watched::Action;
