//! Waiting for descriptors, and streams with buffers over whatever reads and writes.
//!
//! [`Watched`] makes any descriptor wait for its task. [`StreamReader`] and [`StreamWriter`] are asyncio's streams over any
//! [`Read`](std::io::Read) and [`Write`](std::io::Write), and are those themselves; [`copy`] and [`copy_bidirectional`] move
//! bytes from one to the other.

mod copy;
mod relay;
mod separators;
mod shared;
mod shut_down;
mod stream_error;
mod stream_reader;
mod stream_writer;
mod watched;

pub use crate::runtime::reactor::Readiness;
pub use copy::{copy, copy_buf};
pub use relay::{Relay, copy_bidirectional};
pub use separators::Separators;
pub use shared::{Shared, streams};
pub use shut_down::ShutDown;
pub use stream_error::{IncompleteReadError, LimitOverrunError, ReadExactlyError, ReadUntilError};
pub use stream_reader::{Chunks, StreamLines, StreamReader};
pub use stream_writer::StreamWriter;
pub use watched::Watched;

pub(crate) use watched::Action;
