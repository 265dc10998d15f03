//! Waiting for descriptors, and streams of all kinds: with buffers, in memory, copied from one to the other.
//!
//! [`Watched`] is for any descriptor; pipes, named ones included, and the standard streams have types of their own; a
//! [`duplex()`] is a stream in memory. [`StreamReader`] and [`StreamWriter`] are asyncio's streams over any
//! [`Read`](std::io::Read) and [`Write`](std::io::Write), and are those themselves; [`copy()`] and [`copy_bidirectional`] move
//! bytes from one to the other.

mod attempting;
mod by_value;
mod copy;
mod duplex;
mod failure;
#[cfg(feature = "futures-io")]
pub(crate) mod nonblocking;
mod pauses;
mod pipe;
mod read_spare;
mod relay;
mod separators;
mod shared;
mod split;
mod stdio;
mod stream_error;
mod stream_reader;
mod stream_writer;
mod timeouts;
mod watched;

pub use crate::runtime::reactor::Readiness;
pub use copy::{copy, copy_buf};
pub use duplex::{Duplex, Room, duplex};
pub use failure::{OperationError, raw_os_error};
#[cfg(feature = "futures-io")]
pub use nonblocking::Nonblocking;
#[cfg(not(target_vendor = "apple"))]
pub use pipe::make_fifo;
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use read_spare::ReadSpare;
pub use relay::{Relay, copy_bidirectional};
pub use separators::Separators;
pub(crate) use shared::socket_streams;
pub use shared::{Shared, streams};
pub use split::{Joined, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, ShutDown, WriteHalf};
pub use stdio::{
    Stderr, StderrLock, Stdin, StdinLines, StdinLock, Stdout, StdoutLock, stderr, stdin, stdout,
};
pub use stream_error::{IncompleteReadError, LimitOverrunError, ReadExactlyError, ReadUntilError};
pub use stream_reader::{Chunks, StreamLines, StreamReader};
pub use stream_writer::StreamWriter;
pub use watched::Watched;

pub(crate) use attempting::Attempting;
pub(crate) use by_value::by_value;
pub(crate) use failure::named;
pub(crate) use pauses::Pauses;
pub(crate) use separators::find_byte;
pub(crate) use split::into_split;
pub(crate) use timeouts::Timeouts;
pub(crate) use watched::Action;
