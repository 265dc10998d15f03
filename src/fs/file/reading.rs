//! Reading: out of what was read ahead, and a hop where that is not enough.

use std::cell::RefCell;
use std::io::{self, IoSliceMut, Read};

use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};

use super::buffers::{BLOCK, Buffers, CHUNK_MAX};
use super::{File, Undelivered};
use crate::io::named;

const READS: &str = "read from";

/// The lines of a file, without their ends; from [`File::lines`].
#[derive(Debug)]
pub struct FileLines {
    file: File,
}

impl File {
    /// Calls `take` with the file to itself until it gives something, and reads ahead in between, until there are `wanted` bytes at
    /// least. At the end of the file it is `at_end` that gives the result.
    fn read_with<R>(
        &self,
        (wanted, block): (usize, usize),
        mut take: impl FnMut(&mut Buffers) -> Option<R>,
        at_end: impl FnOnce(&mut Buffers) -> R,
    ) -> io::Result<R> {
        let at_once = |buffers: &mut Buffers| if buffers.has_deferred() { None } else { take(buffers) };
        if let Some(Some(result)) = self.turns.if_idle(at_once) {
            return Ok(result);
        }
        let mut turn = self.turns.take()?;
        if !turn.has_deferred()
            && let Some(result) = take(&mut turn)
        {
            // Somebody else has read it meanwhile.
            return Ok(result);
        }
        loop {
            // Twice as much as there is, so that what is searched for is found in linear time.
            let target = turn.unread().len().saturating_mul(2).max(wanted);
            let fill = move |buffers: &mut Buffers| buffers.fill(target, block);
            let (back, is_end) = self.hop(READS, turn, Undelivered::Forgotten, fill)?;
            turn = back;
            if let Some(result) = take(&mut turn) {
                return Ok(result);
            }
            if is_end {
                return Ok(at_end(&mut turn));
            }
        }
    }

    /// The lines from the position on, without their ends, as [`BufRead::lines`](std::io::BufRead::lines) has them. They come from the buffer: a
    /// hop to a thread is made once for each block. Other operations may come in between.
    ///
    /// # Errors
    ///
    /// Each line: those of the system, and [`InvalidData`](io::ErrorKind::InvalidData) for a line that is not UTF-8.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled while the next line is waited for. Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::fs::File;
    ///
    /// let names = cede::run(|| {
    ///     let lines = File::open("Cargo.toml")?.lines();
    ///     lines.filter(|line| line.as_ref().map_or(true, |line| line.starts_with("name"))).collect::<std::io::Result<Vec<_>>>()
    /// })?;
    /// assert!(!names.is_empty());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn lines(&self) -> FileLines {
        FileLines { file: self.handle() }
    }

    /// Reads up to a byte and with it, or to the end: how many bytes, which come behind what is there.
    ///
    /// # Errors
    ///
    /// Those of the system. What was read is still to be read then.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. Nothing is lost.
    pub fn read_until(&self, byte: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        let bytes = RefCell::new(bytes);
        self.read_with(
            (1, BLOCK),
            |buffers| buffers.take_until(byte, &mut bytes.borrow_mut()).then_some(()),
            |buffers| buffers.take_all(&mut bytes.borrow_mut()),
        )?;
        Ok(bytes.into_inner().len() - before)
    }

    /// Reads a line with its end: how many bytes, 0 at the end of the file. aiofiles' `readline`.
    ///
    /// # Errors
    ///
    /// As [`read_until`](Self::read_until); [`InvalidData`](io::ErrorKind::InvalidData) when it is not UTF-8, and the line has been
    /// read then, but is not in the string.
    ///
    /// # Cancellation
    ///
    /// As [`read_until`](Self::read_until).
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_until(b'\n', &mut bytes)?;
        self.append(bytes, line)
    }

    fn append(&self, bytes: Vec<u8>, text: &mut String) -> io::Result<usize> {
        let length = bytes.len();
        let read = String::from_utf8(bytes).map_err(|error| {
            let message = format!("what was read from {} is not UTF-8: {}", self.opened, error.utf8_error());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        if text.is_empty() {
            *text = read;
        } else {
            text.push_str(&read);
        }
        Ok(length)
    }

    /// Reads from a place, without using or changing the position: as std's
    /// [`FileExt::read_at`](std::os::unix::fs::FileExt::read_at). Several may go on at the same time.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile. Nothing has changed.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let room = buffer.len().min(CHUNK_MAX);
        let bytes = self.beside(READS, move |file| {
            let mut bytes = Vec::with_capacity(room);
            if room > 0 {
                retry_on_intr(|| pread(file, spare_capacity(&mut bytes), offset))?;
            }
            bytes.truncate(room);
            Ok(bytes)
        })?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Fills a buffer from a place, without using or changing the position.
    ///
    /// # Errors
    ///
    /// As [`read_at`](Self::read_at), and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset)? {
                0 => return Err(self.ended()),
                amount => (buffer, offset) = (&mut buffer[amount..], offset + amount as u64),
            }
        }
        Ok(())
    }

    fn ended(&self) -> io::Error {
        named(io::ErrorKind::UnexpectedEof.into(), READS, &self.opened)
    }
}

impl Iterator for FileLines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut bytes = Vec::new();
        match self.file.read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(error)),
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            bytes.pop_if(|byte| *byte == b'\r');
        }
        let mut line = String::new();
        Some(self.file.append(bytes, &mut line).map(|_| line))
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let block = buffer.len().clamp(BLOCK, CHUNK_MAX);
        let take = |buffers: &mut Buffers| Some(buffers.take(buffer)).filter(|&amount| amount > 0);
        self.read_with((1, block), take, |_| 0)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        if room == 0 {
            return Ok(0);
        }
        let take = |held: &mut Buffers| {
            let amount = buffers.iter_mut().map(|buffer| held.take(buffer)).sum();
            Some(amount).filter(|&amount: &usize| amount > 0)
        };
        self.read_with((1, room.clamp(BLOCK, CHUNK_MAX)), take, |_| 0)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for part in buffer.chunks_mut(CHUNK_MAX) {
            let length = part.len();
            let take = |buffers: &mut Buffers| {
                (buffers.unread().len() >= length).then(|| buffers.take(part) == length)
            };
            let is_whole = self.read_with((length, length.max(BLOCK)), take, |buffers| {
                buffers.consume(buffers.unread().len());
                false
            })?;
            if !is_whole {
                return Err(self.ended());
            }
        }
        Ok(())
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        self.read_with((usize::MAX, BLOCK), |_| None, |buffers| buffers.take_all(bytes))?;
        Ok(bytes.len() - before)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        self.append(bytes, text)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(buffers)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buffer)
    }

    fn read_to_end(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(bytes)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(text)
    }
}
