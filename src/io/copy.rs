//! From a reader to a writer until the end.
//!
//! [`std::io::copy`] does the same, and may be used. What these add: they flush where the reader has no more for now, so that a
//! writer with a buffer does not keep back what somebody waits for, and [`copy_buf`] loses nothing when it is cut short.

use std::io::{self, BufRead, Read, Write};

/// How much is read at a time.
pub(super) const CHUNK: usize = 32 << 10;

/// Copies until the reader has no more, and gives the number of bytes.
///
/// The writer is flushed whenever a read gave less than there was room for, and at the end.
///
/// # Errors
///
/// That of the first read or write that fails. What was written before stays written.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled while it waits. What has been read and not yet written is lost; with
/// [`copy_buf`] nothing is.
///
/// # Examples
///
/// ```
/// let mut copy = Vec::new();
/// assert_eq!(cede::io::copy(&mut &b"hello"[..], &mut copy)?, 5);
/// assert_eq!(copy, b"hello");
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn copy<R: Read + ?Sized, W: Write + ?Sized>(reader: &mut R, writer: &mut W) -> io::Result<u64> {
    let mut copied = 0;
    copy_counting(reader, writer, |length| copied += length)?;
    Ok(copied)
}

/// As [`copy`]; `count` is told of what has been written.
pub(super) fn copy_counting<R: Read + ?Sized, W: Write + ?Sized>(
    reader: &mut R,
    writer: &mut W,
    mut count: impl FnMut(u64),
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(0) => return writer.flush(),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let written = write_some(writer, rest)?;
            count(written as u64);
            rest = &rest[written..];
        }
        if length < buffer.len() {
            writer.flush()?;
        }
    }
}

/// Copies from the buffer of the reader until it has no more, and gives the number of bytes.
///
/// A byte leaves the buffer of the reader when the writer has taken it, and not before. The writer is flushed whenever
/// that buffer is empty, and at the end.
///
/// # Errors
///
/// That of the first read or write that fails. What was not written is still in the reader.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled while it waits. Nothing is lost: what was not written is still in the reader.
///
/// # Examples
///
/// ```
/// use cede::io::{StreamReader, copy_buf};
///
/// let mut reader = StreamReader::new(&b"title\nbody"[..]);
/// assert_eq!(reader.readline()?, b"title\n");
/// let mut body = Vec::new();
/// assert_eq!(copy_buf(&mut reader, &mut body)?, 4);
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn copy_buf<R: BufRead + ?Sized, W: Write + ?Sized>(reader: &mut R, writer: &mut W) -> io::Result<u64> {
    let mut copied = 0;
    loop {
        let buffer = match reader.fill_buf() {
            Ok([]) => return writer.flush().map(|()| copied),
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let length = buffer.len();
        let written = write_some(writer, buffer)?;
        reader.consume(written);
        copied += written as u64;
        if written == length {
            writer.flush()?;
        }
    }
}

fn write_some<W: Write + ?Sized>(writer: &mut W, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match writer.write(bytes) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::WriteZero, "the writer takes nothing more")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
