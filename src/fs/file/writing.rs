//! Writing: into the buffer while there is room, and a hop where there is none.

use std::fmt::{self, Arguments, Write as _};
use std::io::{self, IoSlice, Write};

use super::buffers::{Buffers, CHUNK_MAX};
use super::{File, Undelivered};
use crate::io::named;

const WRITES: &str = "write to";

/// How much of what is formatted lies on the stack.
const SHORT_MAX: usize = 256;

impl File {
    /// Takes over what `accept` takes, after what is pending has been written if that has to be.
    fn write_with(
        &self,
        mut accept: impl FnMut(&mut Buffers) -> io::Result<Option<usize>>,
    ) -> io::Result<usize> {
        self.opened.check_can_write().map_err(|error| named(error, WRITES, &self.opened))?;
        let mut accept = |buffers: &mut Buffers| {
            accept(buffers).map_err(|error| named(error, WRITES, &self.opened)).transpose()
        };
        if let Some(Some(accepted)) = self.turns.if_idle(&mut accept) {
            return accepted;
        }
        let mut turn = self.turns.take()?;
        loop {
            if let Some(accepted) = accept(&mut turn) {
                return accepted;
            }
            (turn, ()) = self.hop(WRITES, turn, Undelivered::Forgotten, Buffers::write_out)?;
        }
    }

    /// Writes to the system before it returns.
    fn write_through(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes[..bytes.len().min(CHUNK_MAX)].to_vec();
        self.operate(WRITES, move |buffers| buffers.write_through(&bytes))
    }

    /// Writes to a place, without using or changing the position: as std's
    /// [`FileExt::write_at`](std::os::unix::fs::FileExt::write_at). Several may go on at the same time. Nothing of it stays in the buffer. On
    /// Linux a file that was opened to append appends all the same.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; it may be carried out all the same.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let is_settled = |buffers: &mut Buffers| buffers.is_clean() && buffers.unread().is_empty();
        if self.turns.if_idle(is_settled) != Some(true) {
            self.operate(WRITES, |buffers| {
                buffers.write_out()?;
                buffers.settle()
            })?;
        }
        let bytes = bytes[..bytes.len().min(CHUNK_MAX)].to_vec();
        self.beside(WRITES, move |file| std::os::unix::fs::FileExt::write_at(file, &bytes, offset))
    }

    /// Writes all of it to a place, without using or changing the position.
    ///
    /// # Errors, cancellation
    ///
    /// As [`write_at`](Self::write_at); some of it may have been written.
    pub fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(named(io::ErrorKind::WriteZero.into(), WRITES, &self.opened)),
                Ok(amount) => (bytes, offset) = (&bytes[amount..], offset + amount as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What has been formatted: on the stack, as long as it is short. Not at once into the buffer of the file, since what formats is of users, and may
/// use the file itself.
struct Formatted {
    short: [u8; SHORT_MAX],
    length: usize,
    /// All of it, when it is not short.
    long: Vec<u8>,
}

impl Default for Formatted {
    fn default() -> Self {
        Formatted { short: [0; SHORT_MAX], length: 0, long: Vec::new() }
    }
}

impl Formatted {
    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }
}

impl fmt::Write for Formatted {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        if self.long.is_empty() && end <= SHORT_MAX {
            self.short[self.length..end].copy_from_slice(text.as_bytes());
            self.length = end;
        } else {
            if self.long.is_empty() {
                self.long.extend_from_slice(&self.short[..self.length]);
            }
            self.long.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }
}

impl Write for &File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.opened.unbuffered {
            return self.write_through(bytes);
        }
        self.write_with(|buffers| buffers.accept(&[IoSlice::new(bytes)]))
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if parts.iter().all(|part| part.is_empty()) {
            return Ok(0);
        }
        if self.opened.unbuffered {
            return self.write_through(
                &parts.iter().flat_map(|part| part.iter().copied()).take(CHUNK_MAX).collect::<Vec<_>>(),
            );
        }
        self.write_with(|buffers| buffers.accept(parts))
    }

    /// In one piece, and not in those that it is made of.
    fn write_fmt(&mut self, arguments: Arguments<'_>) -> io::Result<()> {
        if let Some(text) = arguments.as_str() {
            return self.write_all(text.as_bytes());
        }
        let mut formatted = Formatted::default();
        formatted.write_fmt(arguments).expect("only the implementation of a format itself can fail here");
        self.write_all(formatted.bytes())
    }

    /// Writes what is pending, so that others see it.
    fn flush(&mut self) -> io::Result<()> {
        if self.turns.if_idle(|buffers| buffers.is_clean()) == Some(true) {
            return Ok(());
        }
        self.operate(WRITES, Buffers::write_out)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(parts)
    }

    fn write_fmt(&mut self, arguments: Arguments<'_>) -> io::Result<()> {
        (&*self).write_fmt(arguments)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
