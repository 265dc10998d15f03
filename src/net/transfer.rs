//! What connected sockets of all kinds do in the same way: receiving and sending bytes.
//!
//! Reads and writes ask for no waiting by themselves (`MSG_DONTWAIT`), besides the mode of the socket: that is shared with
//! duplicates, and somebody who turns one of them into a stream of std must not make the scheduler block.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, recv, recvmsg, send as send_to_peer,
    sendmsg,
};

use crate::io::{Action, Watched};

/// How many buffers one vectored call takes.
const BUFFERS_MAX: usize = 1024;

/// Reads that find nothing say so.
pub(super) const RECEIVE: RecvFlags = RecvFlags::DONTWAIT;

/// Writes that find no room say so, and those to a peer that has gone give an error and no signal.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
pub(super) const SEND: SendFlags = SendFlags::DONTWAIT;

/// What a read that was not filled says of the stream.
///
/// In TCP nothing is left then. A Unix socket stops reading at the end of a message that carries descriptors, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShortRead {
    HasEmptied,
    SaysNothing,
}

impl ShortRead {
    /// Whether a read of so many bytes out of so many shows that nothing is left. None at all is the end, which stays.
    fn shows_empty(self, read: usize, length: usize) -> bool {
        self == ShortRead::HasEmptied && 0 < read && read < length
    }
}

#[inline]
pub(super) fn receive<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    buffer: &mut [u8],
    short: ShortRead,
) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    let length = buffer.len();
    let receive = || Ok(recv(socket.get_ref(), &mut *buffer, RECEIVE)?.0);
    socket.operate(action, receive, |&read| short.shows_empty(read, length))
}

/// Into the room that a vector has.
#[inline]
pub(super) fn receive_spare<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    bytes: &mut Vec<u8>,
    short: ShortRead,
) -> io::Result<usize> {
    let room = bytes.capacity() - bytes.len();
    if room == 0 {
        return Ok(0);
    }
    let receive = || Ok(recv(socket.get_ref(), spare_capacity(&mut *bytes), RECEIVE)?.0);
    socket.operate(action, receive, |&read| short.shows_empty(read, room))
}

pub(super) fn peek<S: AsFd>(socket: &Watched<S>, action: Action, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    let receive = || Ok(recv(socket.get_ref(), &mut *buffer, RECEIVE | RecvFlags::PEEK)?.0);
    socket.operate(action, receive, |_| false)
}

pub(super) fn receive_vectored<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    buffers: &mut [IoSliceMut<'_>],
    short: ShortRead,
) -> io::Result<usize> {
    let count = buffers.len().min(BUFFERS_MAX);
    let buffers = &mut buffers[..count];
    let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    if length == 0 {
        return Ok(0);
    }
    let receive =
        || Ok(recvmsg(socket.get_ref(), buffers, &mut RecvAncillaryBuffer::default(), RECEIVE)?.bytes);
    socket.operate(action, receive, |&read| short.shows_empty(read, length))
}

#[inline]
pub(super) fn send<S: AsFd>(socket: &Watched<S>, action: Action, buffer: &[u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    socket.operate(action, || Ok(send_to_peer(socket.get_ref(), buffer, SEND)?), |_| false)
}

pub(super) fn send_vectored<S: AsFd>(
    socket: &Watched<S>,
    action: Action,
    buffers: &[IoSlice<'_>],
) -> io::Result<usize> {
    let buffers = &buffers[..buffers.len().min(BUFFERS_MAX)];
    if buffers.iter().all(|buffer| buffer.is_empty()) {
        return Ok(0);
    }
    let send = || Ok(sendmsg(socket.get_ref(), buffers, &mut SendAncillaryBuffer::default(), SEND)?);
    socket.operate(action, send, |_| false)
}
