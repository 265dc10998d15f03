//! What a file holds between its jobs: what was read ahead, what is still to be written, and an error that nobody was told of.
//!
//! ```text
//!   the file      ······████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒······
//!                       │ was consumed │ unread  │
//!                       └──── ahead ─────────────┤ the system's position
//!                                      ▲ the position that the user knows
//!
//!   the file      ······████████████████░░░░░░░░░░░░░░······
//!                     the system's position ▲ pending │
//!                                                     ▲ the position that the user knows
//! ```
//!
//! A file that has a position never has both, unread and pending bytes: a write first puts the system's position back to where the user is
//! (`settle`), and a read first writes out. What has no position, a terminal or a pipe, has two streams that know nothing of
//! each other, and may have both.
//!
//! Bytes that were taken over stay pending until the system has them. When it takes none, the error goes to whoever is there, the rest
//! stays, and the next operation tries it again. So a job that nobody waits for any more loses no error of a write: it comes up again.
//! That of `sync` comes from the system only once, and is put by (`deferred`).
//!
//! All that is not said to be short blocks, and is called on a thread.

use std::io::{self, IoSlice, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, retry_on_intr};

use super::opened::Opened;
use crate::io::{find_byte, named};
use crate::runtime::{blocking, park, report};
use crate::task::no_cancel;

/// How much is read ahead at first, and how much may be pending before it is written out.
pub(super) const BLOCK: usize = 64 << 10;

/// How much is read ahead at most, for who reads block after block.
const BLOCK_MAX: usize = 512 << 10;

/// How much one call takes over or asks for at most.
pub(super) const CHUNK_MAX: usize = 2 << 20;

/// See the head of this file.
#[derive(Debug)]
pub(in crate::fs) struct Buffers {
    opened: Arc<Opened>,
    ahead: Vec<u8>,
    /// How much of `ahead` was consumed.
    consumed: usize,
    /// How much is read ahead next: more each time, until somebody goes elsewhere.
    block: usize,
    pending: Vec<u8>,
    /// An error that nobody was told of.
    deferred: Option<io::Error>,
    /// Somebody was told that `pending` can't be written.
    told: bool,
}

impl Buffers {
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        let (ahead, pending) = (Vec::new(), Vec::new());
        Buffers { opened, ahead, consumed: 0, block: BLOCK, pending, deferred: None, told: false }
    }

    pub(super) fn opened(&self) -> &Opened {
        &self.opened
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.ahead[self.consumed..]
    }

    /// Whether nothing is pending, and nobody has to be told of anything.
    pub(super) fn is_clean(&self) -> bool {
        self.pending.is_empty() && self.deferred.is_none()
    }

    pub(super) fn has_deferred(&self) -> bool {
        self.deferred.is_some()
    }

    /// The error that nobody was told of. Short.
    pub(super) fn take_deferred(&mut self) -> io::Result<()> {
        self.deferred.take().map_or(Ok(()), Err)
    }

    /// An error of a job whose task has gone.
    pub(super) fn defer(&mut self, error: io::Error) {
        self.deferred.get_or_insert(error);
    }

    /// Somebody was given an error, which may have been one of writing out.
    pub(super) fn was_told(&mut self) {
        self.told = !self.pending.is_empty();
    }

    pub(super) fn consume(&mut self, amount: usize) {
        self.consumed += amount;
        if self.consumed == self.ahead.len() {
            self.ahead.clear();
            self.consumed = 0;
        }
    }

    /// Hands out what is there, as far as there is room. Short.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let amount = self.unread().len().min(buffer.len());
        buffer[..amount].copy_from_slice(&self.unread()[..amount]);
        self.consume(amount);
        amount
    }

    /// Hands out all that is there. Short.
    pub(super) fn take_all(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() && self.consumed == 0 {
            std::mem::swap(&mut self.ahead, bytes);
        } else {
            bytes.extend_from_slice(self.unread());
        }
        self.ahead.clear();
        self.consumed = 0;
    }

    /// Hands out what is there up to a byte and with it, if that is there. Short.
    pub(super) fn take_until(&mut self, byte: u8, bytes: &mut Vec<u8>) -> bool {
        let Some(at) = find_byte(self.unread(), byte) else { return false };
        bytes.extend_from_slice(&self.unread()[..=at]);
        self.consume(at + 1);
        true
    }

    /// Reads on until there are so many unread bytes. Gives whether the end has been seen; where a read may wait for somebody, it is the
    /// only one. `block` is how much one read asks for at least.
    pub(super) fn fill(&mut self, target: usize, block: usize) -> io::Result<bool> {
        self.write_out()?;
        self.ahead.drain(..self.consumed);
        self.consumed = 0;
        let block = block.max(self.block);
        let is_regular = target > 1 && self.is_regular();
        let hint = if target == usize::MAX && is_regular { self.rest() } else { 0 };
        self.ahead.try_reserve(hint.max(block))?;
        while self.ahead.len() < target {
            if self.ahead.len() == self.ahead.capacity() {
                self.ahead.try_reserve(block)?;
            }
            let file = self.opened.file.as_fd();
            match retry_on_intr(|| rustix::io::read(file, spare_capacity(&mut self.ahead)))? {
                0 => return Ok(true),
                _ if is_regular => {}
                _ => break,
            }
        }
        if self.ahead.len() >= self.block {
            self.block = (2 * self.block).min(BLOCK_MAX);
        }
        Ok(false)
    }

    fn is_regular(&self) -> bool {
        fstat(&self.opened.file)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// How much there is from the system's position to the end, and one byte more, so that the end is seen at once.
    fn rest(&self) -> usize {
        let position = (&self.opened.file).stream_position().unwrap_or(0);
        let length = fstat(&self.opened.file).map_or(0, |stat| stat.st_size as u64);
        usize::try_from(length.saturating_sub(position).saturating_add(1))
            .unwrap_or(0)
            .min(isize::MAX as usize / 2)
    }

    /// Puts the system's position to where the user is. Short.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let unread = self.unread().len();
        if unread > 0 {
            match rustix::fs::seek(&self.opened.file, rustix::fs::SeekFrom::Current(-(unread as i64))) {
                Err(Errno::SPIPE) => return Ok(()),
                sought => sought?,
            };
            self.consume(unread);
            self.block = BLOCK;
        }
        Ok(())
    }

    /// Takes bytes over, to be written later, if there is room. Short.
    pub(super) fn accept(&mut self, parts: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        self.take_deferred()?;
        self.settle()?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let before = self.pending.len();
        if before > 0 && before + length > BLOCK {
            return Ok(None);
        }
        for part in parts {
            let room = CHUNK_MAX - (self.pending.len() - before);
            self.pending.extend_from_slice(&part[..part.len().min(room)]);
        }
        Ok(Some(self.pending.len() - before))
    }

    /// Writes all that is pending.
    pub(super) fn write_out(&mut self) -> io::Result<()> {
        self.take_deferred()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let (written, result) = write_all(&self.opened, &self.pending);
        self.pending.drain(..written);
        self.told = false;
        result
    }

    /// Writes bytes that are not to stay here: all, or as many as the system took before it failed.
    pub(super) fn write_through(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_out()?;
        self.settle()?;
        match write_all(&self.opened, bytes) {
            (0, Err(error)) => Err(error),
            (written, _) => Ok(written),
        }
    }

    /// Goes elsewhere, and gives the new position. Short where nothing is pending and it is not from the end.
    pub(super) fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        self.write_out()?;
        let unread = self.unread().len() as i64;
        let target = match target {
            SeekFrom::Current(0) => {
                let position = (&self.opened.file).stream_position()?;
                return Ok(position.saturating_sub(unread as u64));
            }
            SeekFrom::Current(offset) => match offset.checked_sub(unread) {
                Some(offset) => SeekFrom::Current(offset),
                None => return Err(Errno::INVAL.into()),
            },
            target => target,
        };
        let position = (&self.opened.file).seek(target)?;
        self.ahead.clear();
        (self.consumed, self.block) = (0, BLOCK);
        Ok(position)
    }
}

/// Gives how much was written, and the error if it was not all.
fn write_all(opened: &Opened, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match retry_on_intr(|| rustix::io::write(&opened.file, &bytes[written..])) {
            Ok(0) => return (written, Err(named(io::ErrorKind::WriteZero.into(), "write to", opened))),
            Ok(amount) => written += amount,
            Err(error) => return (written, Err(named(error.into(), "write to", opened))),
        }
    }
    (written, Ok(()))
}

/// What is left to be written is written before this returns, on a thread if possible. What goes wrong is told to the task hook.
impl Drop for Buffers {
    fn drop(&mut self) {
        if let Some(error) = self.deferred.take() {
            report::lost_writes(&self.opened.to_string(), &error);
        }
        if self.pending.is_empty() {
            return;
        }
        // In both hands: where no thread can be had, it is done here.
        let rest = Arc::new((Arc::clone(&self.opened), std::mem::take(&mut self.pending)));
        let job = Arc::clone(&rest);
        let write = |(opened, bytes): &(Arc<Opened>, Vec<u8>)| write_all(opened, bytes).1;
        let on_thread =
            park::refusal().is_none().then(|| no_cancel(|| blocking::try_unblock(move || write(&job))));
        let result = match on_thread {
            Some(Ok(result)) => result,
            _ => write(&rest),
        };
        if let Err(error) = result
            && !self.told
        {
            report::lost_writes(&self.opened.to_string(), &error);
        }
    }
}
