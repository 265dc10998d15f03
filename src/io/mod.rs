//! Waiting for descriptors: the readiness of any of them, and operations on them that suspend the task.
//!
//! [`Watched`] is for any descriptor; pipes, named ones included, and the standard streams have types of their own; a
//! [`duplex`] is a stream in memory.

mod attempting;
mod by_value;
mod duplex;
mod failure;
#[cfg(feature = "futures-io")]
pub(crate) mod nonblocking;
mod pauses;
mod pipe;
mod split;
mod stdio;
mod timeouts;
mod watched;

pub use crate::runtime::reactor::Readiness;
pub use duplex::{Duplex, Room, duplex};
pub use failure::{OperationError, raw_os_error};
#[cfg(feature = "futures-io")]
pub use nonblocking::Nonblocking;
#[cfg(not(target_vendor = "apple"))]
pub use pipe::make_fifo;
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use split::{Joined, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, ShutDown, WriteHalf};
pub use stdio::{
    Stderr, StderrLock, Stdin, StdinLines, StdinLock, Stdout, StdoutLock, stderr, stdin, stdout,
};
pub use watched::Watched;

pub(crate) use attempting::Attempting;
pub(crate) use by_value::by_value;
pub(crate) use failure::named;
pub(crate) use pauses::Pauses;
pub(crate) use split::into_split;
pub(crate) use timeouts::Timeouts;
pub(crate) use watched::Action;
