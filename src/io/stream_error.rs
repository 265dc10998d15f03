//! What can go wrong in a read that wants more than the next bytes.
//!
//! One error per operation. Each becomes an [`io::Error`] by `?`, which has the original inside.

use std::io;

/// The stream has ended before all was there: asyncio's `IncompleteReadError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stream ended after {} bytes, before {}", .partial.len(), Expected(*.expected))]
pub struct IncompleteReadError {
    /// What came before the end. It has been taken out of the buffer.
    pub partial: Vec<u8>,
    /// How many bytes were wanted; nothing where a separator was.
    pub expected: Option<usize>,
}

struct Expected(Option<usize>);

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(expected) => write!(f, "all of {expected} bytes were there"),
            None => f.write_str("there was a separator"),
        }
    }
}

/// More than the limit of the reader would have to be given: asyncio's `LimitOverrunError`.
///
/// [`readuntil`](super::StreamReader::readuntil) leaves the bytes in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} the separator are more than the limit of {limit}", Stretch { consumed: *.consumed, found: *.found })]
pub struct LimitOverrunError {
    /// How many bytes at the beginning of the buffer hold no separator, and can be read to get past them.
    pub consumed: usize,
    /// Whether there is a separator behind these.
    pub found: bool,
    /// The limit.
    pub limit: usize,
}

struct Stretch {
    consumed: usize,
    found: bool,
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let before = if self.found { "before" } else { "without" };
        write!(f, "{} bytes {before}", self.consumed)
    }
}

/// Why [`readexactly`](super::StreamReader::readexactly) gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadExactlyError {
    /// The stream has ended too early.
    #[error(transparent)]
    Incomplete(#[from] IncompleteReadError),
    /// The stream has failed. What was read before stays in the buffer.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why [`readuntil`](super::StreamReader::readuntil) gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadUntilError {
    /// The stream has ended without a separator.
    #[error(transparent)]
    Incomplete(#[from] IncompleteReadError),
    /// There are more bytes than the limit before a separator.
    #[error(transparent)]
    LimitOverrun(#[from] LimitOverrunError),
    /// The stream has failed, or the separators are none. What was read before stays in the buffer.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Of kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
impl From<IncompleteReadError> for io::Error {
    fn from(error: IncompleteReadError) -> Self {
        io::Error::new(io::ErrorKind::UnexpectedEof, error)
    }
}

/// Of kind [`InvalidData`](io::ErrorKind::InvalidData).
impl From<LimitOverrunError> for io::Error {
    fn from(error: LimitOverrunError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl From<ReadExactlyError> for io::Error {
    fn from(error: ReadExactlyError) -> Self {
        match error {
            ReadExactlyError::Incomplete(error) => error.into(),
            ReadExactlyError::Io(error) => error,
        }
    }
}

impl From<ReadUntilError> for io::Error {
    fn from(error: ReadUntilError) -> Self {
        match error {
            ReadUntilError::Incomplete(error) => error.into(),
            ReadUntilError::LimitOverrun(error) => error.into(),
            ReadUntilError::Io(error) => error,
        }
    }
}
