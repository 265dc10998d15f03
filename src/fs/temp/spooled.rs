//! A temporary file that lies in memory until it grows too large.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use super::Builder;
use crate::fs::File;

/// A temporary file that lies in memory as long as it is small: Python's `SpooledTemporaryFile`.
///
/// What would make it larger than it may be in memory moves it to a file without a name first, as
/// [`temp_file`](super::temp_file) makes it.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled while it waits for the file. A cancelled move leaves it in memory, whole; else as [`File`].
///
/// # Examples
///
/// ```
/// use cede::fs::temp::SpooledTempFile;
/// use std::io::Write;
///
/// cede::run(|| -> std::io::Result<()> {
///     let mut file = SpooledTempFile::new(100);
///     file.write_all(&[1; 100])?;
///     assert!(!file.is_rolled());
///     file.write_all(&[2])?;
///     assert!(file.is_rolled());
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct SpooledTempFile {
    in_memory_max: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Cursor<Vec<u8>>),
    Disk(File),
}

impl SpooledTempFile {
    /// An empty one, of which so many bytes may lie in memory.
    pub fn new(in_memory_max: usize) -> Self {
        SpooledTempFile { in_memory_max, place: Place::Memory(Cursor::default()) }
    }

    /// Whether it lies in a file.
    pub fn is_rolled(&self) -> bool {
        matches!(self.place, Place::Disk(_))
    }

    /// Moves it to a file, if it is not there yet. The position stays.
    ///
    /// # Errors
    ///
    /// Those of the system; outside of a task. It lies in memory then.
    pub fn rollover(&mut self) -> io::Result<()> {
        if let Place::Memory(memory) = &self.place {
            let mut file = Builder::new().unnamed()?;
            file.write_all(memory.get_ref())?;
            file.seek(SeekFrom::Start(memory.position()))?;
            self.place = Place::Disk(file);
        }
        Ok(())
    }

    /// The file, to which it is moved if it is not there yet.
    ///
    /// # Errors
    ///
    /// Those of the system; outside of a task.
    pub fn into_file(mut self) -> io::Result<File> {
        self.rollover()?;
        match self.place {
            Place::Disk(file) => Ok(file),
            Place::Memory(_) => unreachable!("it has been moved"),
        }
    }

    /// Cuts it off at a length, or lengthens it with zeros. The position stays.
    ///
    /// # Errors
    ///
    /// Those of the system, where it is in a file or must be moved there.
    pub fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.make_room(Some(length))?;
        match &mut self.place {
            Place::Memory(memory) => {
                // It is no larger than what may be in memory.
                memory.get_mut().resize(length as usize, 0);
                Ok(())
            }
            Place::Disk(file) => file.set_len(length),
        }
    }

    /// Moves it, where it can't be so large in memory.
    fn make_room(&mut self, length: Option<u64>) -> io::Result<()> {
        if length.is_none_or(|length| length > self.in_memory_max as u64) { self.rollover() } else { Ok(()) }
    }
}

impl Read for SpooledTempFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Memory(memory) => memory.read(buffer),
            Place::Disk(file) => file.read(buffer),
        }
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        match &mut self.place {
            Place::Memory(memory) => memory.read_to_end(bytes),
            Place::Disk(file) => file.read_to_end(bytes),
        }
    }
}

impl Write for SpooledTempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Place::Memory(memory) = &self.place {
            let end = memory.position().checked_add(bytes.len() as u64);
            self.make_room(end)?;
        }
        match &mut self.place {
            Place::Memory(memory) => memory.write(bytes),
            Place::Disk(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Memory(_) => Ok(()),
            Place::Disk(file) => file.flush(),
        }
    }
}

impl Seek for SpooledTempFile {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        match &mut self.place {
            Place::Memory(memory) => memory.seek(target),
            Place::Disk(file) => file.seek(target),
        }
    }
}
