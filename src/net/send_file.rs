//! From a file to a socket without a detour through this process.
//!
//! The system copies (`sendfile`) where it can, and else the file is read into a buffer here. Reading the disk blocks the thread for
//! as long as the disk takes, as it does in asyncio and nginx; the socket is what is waited for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::io::Errno;

use super::transfer;
use crate::io::{Action, Watched};

/// How much one call copies at most: between calls, the others may get their turn.
const PIECE: u64 = 1 << 20;

/// How much is read where the system does not copy.
const BUFFER: usize = 64 << 10;

/// Sends up to `count` bytes of the file from `offset` on, which moves along with what was sent. Gives how many they were; fewer than
/// `count` where the file ends.
pub(super) fn send_file<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    file: BorrowedFd<'_>,
    offset: &mut u64,
    count: u64,
) -> io::Result<u64> {
    let begin = *offset;
    let end = begin.saturating_add(count);
    let mut buffer = Vec::new();
    while *offset < end {
        let piece = usize::try_from(PIECE.min(end - *offset)).expect("a piece is small");
        let sent = if buffer.is_empty() { copy(socket, action, file, *offset, piece)? } else { None };
        let sent = match sent {
            Some(sent) => sent,
            None => {
                buffer.resize(BUFFER, 0);
                let length = rustix::io::retry_on_intr(|| {
                    rustix::io::pread(file, &mut buffer[..piece.min(BUFFER)], *offset)
                })?;
                // What was read and not sent is read again.
                transfer::send(socket, action, &buffer[..length])?
            }
        };
        if sent == 0 {
            break;
        }
        *offset += sent as u64;
    }
    Ok(*offset - begin)
}

/// Has the system copy; `None` where it does not do that for this file or this socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn copy<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<Option<usize>> {
    let copy = || {
        // Like accepting, this can't be told not to wait but by the mode, which duplicates share.
        rustix::io::ioctl_fionbio(socket.get_ref(), true)?;
        let mut offset = offset;
        match rustix::fs::sendfile(socket.get_ref(), file, Some(&mut offset), count) {
            Ok(sent) => Ok(Some(sent)),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::OVERFLOW) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    socket.operate(action, copy, |_| false)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn copy<S: AsFd>(
    _: &Watched<S>,
    _: Action,
    _: BorrowedFd<'_>,
    _: u64,
    _: usize,
) -> io::Result<Option<usize>> {
    Ok(None)
}
